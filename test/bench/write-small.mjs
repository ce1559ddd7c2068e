// Writes lines of 100 bytes to its standard output, each by a write(2) of its own. argv: how many.
import { writeSync } from "node:fs";

const line = Buffer.from(`${"x".repeat(99)}\n`);
for (let left = Number(process.argv[2]); left > 0; left--) writeSync(1, line);
