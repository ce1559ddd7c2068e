// Does the tasks of `task.ts` with node's child_process and nothing else.
import { spawn as spawnChild } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const running = new Set();

function spawn([program, ...args]) {
	const child = spawnChild(program, args, { stdio: ["pipe", "pipe", "pipe"] });
	running.add(child);
	const exited = once(child, "exit");
	const gone = () => running.delete(child);
	exited.then(gone, gone);
	return { child, exited };
}

async function timed(work) {
	const start = performance.now();
	await work();
	return performance.now() - start;
}

async function textOf(stream) {
	let text = "";
	stream.setEncoding("utf8");
	for await (const chunk of stream) text += chunk;
	return text;
}

async function endAll() {
	const ending = [...running];
	const exits = ending.map((child) => once(child, "exit"));
	for (const child of ending) child.kill("SIGKILL");
	await Promise.all(exits);
}

const tasks = {
	exit: ({ command }) => timed(() => spawn(command).exited),
	read: ({ command }) =>
		timed(async () => {
			const { child, exited } = spawn(command);
			for await (const _ of child.stdout);
			await exited;
		}),
	async kill({ command, count }) {
		const children = Array.from({ length: count }, () => spawn(command));
		return timed(() => {
			for (const { child } of children) child.kill();
			return Promise.all(children.map(({ exited }) => exited));
		});
	},
	async start({ command, count }) {
		const ms = await timed(() => {
			for (let index = 0; index < count; index++) spawn(command);
		});
		await endAll();
		return ms;
	},
	many({ command, count, width }) {
		let left = count;
		const worker = async () => {
			while (left-- > 0) {
				const { child, exited } = spawn(command);
				await textOf(child.stdout);
				await exited;
			}
		};
		return timed(() => Promise.all(Array.from({ length: width }, worker)));
	},
};

for await (const line of createInterface({ input: process.stdin })) {
	try {
		const task = JSON.parse(line);
		console.log(JSON.stringify({ ms: await tasks[task.task](task) }));
	} catch (error) {
		console.log(JSON.stringify({ error: String(error) }));
	}
}
// The benchmark has ended, perhaps in the midst of a task.
await endAll();
process.exit(0);
