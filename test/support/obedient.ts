import { python, type Running } from "./managed.ts";

/** Does what each line of its input says, and says so; anything else it repeats. */
const PROGRAM = `
import os, socket, subprocess, sys, threading, time
print("ready", flush=True)
held = []
for line in sys.stdin:
    word = line.strip()
    if word == "listen":
        held.append(socket.create_server(("127.0.0.1", 0)))
        word = str(held[-1].getsockname()[1])
    if word == "fork":
        subprocess.Popen(["sleep", "60"])
    if word == "thread":
        threading.Thread(target=time.sleep, args=[60], daemon=True).start()
    print(word, flush=True)
    if word == "burn":
        while True: pass
`;

import { nextTurn } from "../../src/process/turns.ts";

/** A program that does what it is told: listen, fork, thread, burn. */
export async function obedient(): Promise<Running> {
	const running = await python(PROGRAM, { input: true });
	await running.says(/ready/);
	return running;
}

/** Has it do something; what it says then is looked for at every turn, so as to be quick. */
export async function tell(
	running: Running,
	word: string,
	answer = new RegExp(`^${word}$`, "m"),
): Promise<string> {
	await running.process.stdin?.write(Buffer.from(`${word}\n`), 5000);
	const deadline = performance.now() + 20_000;
	for (;;) {
		const said = answer.exec(running.stdout);
		if (said) return said[0];
		if (performance.now() > deadline) throw new Error(`no answer to ${word}`);
		await nextTurn();
	}
}
