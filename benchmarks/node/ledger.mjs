// What the handlers did, in the files and with the clock of benchmarks/ledger.py.

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROW_BYTES = 24;
const START_BYTES = 16;
const WRITE_EVERY_MS = 50;

export class Ledger {
  #rows = [];
  #delays = [];
  #files = {};

  constructor(directory, { notesStarts }) {
    const open = (kind) => fs.openSync(path.join(directory, `${process.pid}.${kind}`), 'a');
    this.#files = { rows: open('rows'), delays: open('delays'), starts: notesStarts ? open('starts') : null };
    setInterval(() => this.#write(), WRITE_EVERY_MS).unref();
  }

  /** Be the handler: sleep, or tell tokens at their times, as the message says; and note when that was. */
  async handle({ user, seq, sleep_ms, tokens, token_ms }) {
    const start_ns = process.hrtime.bigint();
    if (this.#files.starts !== null) {
      const start = Buffer.alloc(START_BYTES);
      start.writeUInt32LE(user, 0);
      start.writeUInt32LE(seq, 4);
      start.writeBigInt64LE(start_ns, 8);
      fs.writeSync(this.#files.starts, start);
    }
    if (sleep_ms) {
      await sleep(sleep_ms);
    }
    for (let number = 1; number <= tokens; number += 1) {
      const due_ns = start_ns + BigInt(number * token_ms) * 1_000_000n;
      await sleep(Math.max(0, Number(due_ns - process.hrtime.bigint()) / 1e6));
      this.#delays.push(Number(process.hrtime.bigint() - due_ns) / 1000);
    }
    this.#rows.push([user, seq, start_ns, process.hrtime.bigint()]);
    if (this.#files.starts !== null) {
      this.#write();
    }
  }

  close() {
    this.#write();
  }

  #write() {
    const rows = this.#rows.splice(0);
    const bytes = Buffer.alloc(rows.length * ROW_BYTES);
    rows.forEach(([user, seq, start_ns, end_ns], index) => {
      bytes.writeUInt32LE(user, index * ROW_BYTES);
      bytes.writeUInt32LE(seq, index * ROW_BYTES + 4);
      bytes.writeBigInt64LE(start_ns, index * ROW_BYTES + 8);
      bytes.writeBigInt64LE(end_ns, index * ROW_BYTES + 16);
    });
    // Delays first: whoever counts the rows may read at once. Below zero where a timer was early: in time.
    fs.writeSync(this.#files.delays, new Uint8Array(Uint32Array.from(this.#delays.splice(0), (us) => Math.max(0, us)).buffer));
    fs.writeSync(this.#files.rows, bytes);
  }
}
