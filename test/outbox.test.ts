import { describe, expect, it } from "bun:test";
import { Outbox, type Sink } from "../src/outbox.ts";
import { nextTurn } from "../src/process/turns.ts";
import { PYTHON } from "./support/programs.ts";
import { eventually } from "./support/server.ts";

/** A sink that takes a text when it is told to. */
class Gate implements Sink {
	readonly taken: string[] = [];
	#open: (() => void) | undefined;

	write(text: string): Promise<void> {
		if (this.#open) throw new Error("two at a time");
		return new Promise((resolve) => {
			this.#open = () => {
				this.taken.push(text);
				resolve();
			};
		});
	}

	flush(): void {}

	/** Takes the text that waits; whoever waits for it has been told when this resolves. */
	async take(): Promise<void> {
		const open = this.#open;
		this.#open = undefined;
		open?.();
		await nextTurn();
	}
}

/** The sink of a real pipe, and the program that holds its other end. */
function pipeTo(script: string) {
	return Bun.spawn([PYTHON, "-c", script], {
		stdin: "pipe",
		stdout: "pipe",
		stderr: "inherit",
	});
}

describe("an outbox", () => {
	it("gives its sink one text after the other, and tells of each", async () => {
		const gate = new Gate();
		const outbox = new Outbox(gate);
		const done: string[] = [];
		let taken = 0;
		outbox.onTaken = () => taken++;
		for (const text of ["one", "two", "three"])
			void outbox.write(text).then(() => done.push(text));
		expect(outbox.unread).toBe(11);
		await gate.take();
		expect([done, taken, outbox.unread]).toEqual([["one"], 1, 8]);
		void outbox.write("four").then(() => done.push("four"));
		for (let round = 0; round < 3; round++) await gate.take();
		expect(gate.taken).toEqual(["one", "two", "three", "four"]);
		expect([done, taken, outbox.unread]).toEqual([gate.taken, 4, 0]);
	});

	it("takes a text that is written as soon as the last one is taken", async () => {
		const gate = new Gate();
		const outbox = new Outbox(gate);
		const all = outbox.write("one").then(() => outbox.write("two"));
		await gate.take();
		await gate.take();
		await all;
		expect(gate.taken).toEqual(["one", "two"]);
	});

	it("flushes until all is taken, and no longer than it is told", async () => {
		const gate = new Gate();
		const outbox = new Outbox(gate);
		await outbox.flush(60_000);
		void outbox.write("one");
		void outbox.write("two");
		const began = performance.now();
		await outbox.flush(20);
		expect(performance.now() - began).toBeLessThan(5000);
		const flushed = outbox.flush(60_000).then(() => "flushed");
		await gate.take();
		expect(await Promise.race([flushed, "waiting"])).toBe("waiting");
		await gate.take();
		expect(await flushed).toBe("flushed");
	});

	it("brings every byte through a pipe that is read late and slowly", async () => {
		const child = pipeTo(`
import hashlib, sys, time
time.sleep(0.2)
digest, size = hashlib.sha256(), 0
while block := sys.stdin.buffer.read(1000000):
    digest.update(block)
    size += len(block)
    time.sleep(0.001)
print(size, digest.hexdigest())
`);
		const outbox = new Outbox(child.stdin);
		const digest = new Bun.CryptoHasher("sha256");
		let size = 0;
		// Less and more than a pipe holds, and characters of two bytes.
		for (const length of [1, 10, 70_000, 3, 5_000_000, 2, 300_000, 20_000_000])
			for (const letter of ["x", "é"]) {
				const text = letter.repeat(length);
				digest.update(text);
				size += Buffer.byteLength(text);
				void outbox.write(text);
			}
		await outbox.flush(60_000);
		expect(outbox.unread).toBe(0);
		await child.stdin.end();
		const said = await new Response(child.stdout).text();
		expect(said.trim()).toBe(`${size} ${digest.digest("hex")}`);
		await child.exited;
	});

	it.each([
		["before it has read anything", "import os; os.close(0)"],
		["in the midst of a text", "import os; os.read(0, 100000); os.close(0)"],
	])(
		"tells once of a reader that is gone %s, and leaves nobody waiting",
		async (_, script) => {
			const child = pipeTo(`${script}\nprint("closed", flush=True)`);
			const outbox = new Outbox(child.stdin);
			let gone = 0;
			outbox.onGone = () => gone++;
			const first = outbox.write("x".repeat(5_000_000));
			expect(await new Response(child.stdout).text()).toBe("closed\n");
			await Promise.all([first, outbox.write("y"), outbox.write("z")]);
			await eventually(() => gone > 0 || undefined, "to be told");
			await outbox.write("z");
			expect([gone, outbox.unread]).toEqual([1, 0]);
			await child.exited;
		},
	);
});
