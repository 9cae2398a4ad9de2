// The address that Okos prints holds the token after a #, which no browser sends: it is filled in here, and forgotten.
"use strict";
(() => {
  const take = () => {
    if (location.hash.length < 2) {
      return;
    }
    document.getElementById("token").value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname + location.search);
    document.getElementById("login").requestSubmit();
  };
  addEventListener("hashchange", take);
  take();
})();
