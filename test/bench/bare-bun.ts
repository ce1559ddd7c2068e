/** Does the tasks of `task.ts` with Bun.spawn and nothing else. */
import { closeSync } from "node:fs";
import { currentPlatform } from "../../src/platform/current.ts";
import type { Task } from "./task.ts";

const { pipes } = await currentPlatform();
const running = new Set<Bun.Subprocess>();

function spawn(command: readonly string[]) {
	const child = Bun.spawn([...command], { stdio: ["pipe", "pipe", "pipe"] });
	running.add(child);
	void child.exited.then(() => running.delete(child));
	return child;
}

/** Standard output over a kernel pipe, where there is one: faster than the runtime's own. */
function spawnReading(command: readonly string[]) {
	if (!pipes) {
		const child = spawn(command);
		return { exited: child.exited, chunks: child.stdout, close() {} };
	}
	const { read, write } = pipes.open();
	const child = Bun.spawn([...command], { stdio: ["ignore", write, "ignore"] });
	running.add(child);
	void child.exited.then(() => running.delete(child));
	closeSync(write);
	return {
		exited: child.exited,
		chunks: Bun.file(read).stream(),
		close: () => closeSync(read),
	};
}

async function timed(work: () => Promise<unknown> | unknown): Promise<number> {
	const start = performance.now();
	await work();
	return performance.now() - start;
}

async function endAll(): Promise<void> {
	const ending = [...running];
	for (const child of ending) child.kill("SIGKILL");
	await Promise.all(ending.map((child) => child.exited));
}

async function measure(task: Task): Promise<number> {
	const { command } = task;
	switch (task.task) {
		case "exit":
			return timed(() => spawn(command).exited);
		case "read":
			return timed(async () => {
				const child = spawnReading(command);
				for await (const _ of child.chunks);
				await child.exited;
				child.close();
			});
		case "kill": {
			const children = Array.from({ length: task.count }, () => spawn(command));
			return timed(() => {
				for (const child of children) child.kill();
				return Promise.all(children.map((child) => child.exited));
			});
		}
		case "start": {
			const ms = await timed(() => {
				for (let index = 0; index < task.count; index++) spawn(command);
			});
			await endAll();
			return ms;
		}
		case "many": {
			let left = task.count;
			const worker = async () => {
				while (left-- > 0) {
					const child = spawn(command);
					await child.stdout.text();
					await child.exited;
				}
			};
			return timed(() =>
				Promise.all(Array.from({ length: task.width }, worker)),
			);
		}
	}
}

for await (const line of console) {
	try {
		console.log(JSON.stringify({ ms: await measure(JSON.parse(line)) }));
	} catch (error) {
		console.log(JSON.stringify({ error: String(error) }));
	}
}
// The benchmark has ended, perhaps in the midst of a task.
await endAll();
process.exit(0);
