/**
 * Runs under wine, with the runtime for Windows, where what a compiled program
 * does not come into can be tried: a tree without a Job Object, one whose first
 * process has ended before it is looked at, and one that is paused. Prints what it saw as JSON.
 */
import { Job } from "../../src/platform/job.ts";
import {
	openIphlpapi,
	openKernel32,
	openNtdll,
} from "../../src/platform/kernel32.ts";
import { Snapshot } from "../../src/platform/snapshot.ts";
import { SystemProcesses } from "../../src/platform/system-processes.ts";
import { WindowsTree } from "../../src/platform/windows-tree.ts";

const [fixture = "", token = "", what] = process.argv.slice(2);
const kernel = openKernel32();
const nt = openNtdll(kernel);
const processes = SystemProcesses.of(() => nt);
const asked: number[] = [];
const means = {
	kernel,
	nt: () => nt,
	snapshot: new Snapshot(() => processes.list()),
	hear() {},
	tcp: () => openIphlpapi(kernel),
	interrupt: (pids: readonly number[]) => void asked.push(...pids),
};

function start(mode: string) {
	return Bun.spawn({
		cmd: [fixture, mode, token],
		stdio: ["ignore", "pipe", "ignore"],
		windowsHide: true,
	});
}

async function until(
	isTrue: () => boolean | Promise<boolean>,
): Promise<boolean> {
	const deadline = performance.now() + 10_000;
	while (!(await isTrue())) {
		if (performance.now() > deadline) return false;
		await Bun.sleep(10);
	}
	return true;
}

async function withoutJob() {
	const child = start("tree");
	const tree = new WindowsTree(child.pid, undefined, means);
	// Each member says so. Where the tree was looked at again and again instead,
	// wine 8 left a member hanging in its start in one run of six.
	await saysReady(child.stdout, 4);
	const sample = await tree.sample();
	tree.signal("SIGTERM");
	const askedAll = tree.alive().every((pid) => asked.includes(pid));
	tree.signal("SIGKILL");
	const isGone = await until(() => tree.alive().length === 0);
	const exitCode = await child.exited;
	const after = await tree.sample();
	tree.forget();
	return { sample, askedAll, isGone, exitCode, after: after ?? null };
}

async function saysReady(
	output: ReadableStream<Uint8Array>,
	times: number,
): Promise<void> {
	let text = "";
	for await (const chunk of output) {
		text += new TextDecoder().decode(chunk);
		if (text.split("ready").length > times) return;
	}
}

/** A tree that is looked at when its first process has ended. */
async function late() {
	const child = start("leave");
	await child.exited;
	const tree = new WindowsTree(child.pid, new Job(kernel), means);
	const found = (await tree.sample())?.processCount ?? 0;
	tree.signal("SIGKILL");
	tree.forget();
	return found;
}

/** A tree that is held up: asked for three times, let go on once. */
async function paused() {
	const child = start("burn");
	const job = new Job(kernel);
	const limits = { maxCpuPercent: 50, maxProcesses: 10 };
	const tree = new WindowsTree(child.pid, job, means, limits);
	await saysReady(child.stdout, 2);
	const cpu = async () => (await tree.sample())?.cpuSeconds ?? 0;
	const usedIn = async (milliseconds: number) => {
		const before = await cpu();
		await Bun.sleep(milliseconds);
		return (await cpu()) - before;
	};
	const uses = async () => {
		const before = await cpu();
		return until(async () => (await cpu()) - before > 0.1);
	};
	const running = await uses();
	tree.signal("SIGSTOP");
	tree.signal("SIGSTOP", "SIGSTOP");
	const stopped = await usedIn(500);
	tree.signal("SIGCONT");
	const again = await uses();
	tree.signal("SIGCONT", "SIGSTOP", "SIGKILL");
	const isGone = await until(() => tree.alive().length === 0);
	await child.exited;
	tree.forget();
	const enforcedBy = tree.enforcedBy("maxCpuPercent");
	return { running, stopped, again, isGone, enforcedBy };
}

const report =
	what === "paused"
		? await paused()
		: { withoutJob: await withoutJob(), late: await late() };
await new Promise((resolve) =>
	process.stdout.write(JSON.stringify(report), resolve),
);
process.exit(0);
