// The address that Okos prints holds the token after a #, which no browser sends: it is filled in here, and forgotten.
"use strict";
if (location.hash.length > 1) {
  document.getElementById("token").value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search);
  if (!document.querySelector("[role=alert]")) {
    document.getElementById("login").requestSubmit();
  }
}
