import { describe, expect, it, setDefaultTimeout } from "bun:test";
import {
	AWKWARD_CONFIG,
	AWKWARD_NAMES,
	type AwkwardName,
	AwkwardTree,
} from "../support/awkward.ts";
import {
	cgroupsOf,
	guardsOf,
	isInCgroup,
	zombiesOf,
} from "../support/marked.ts";
import { RawServer } from "../support/raw.ts";
import { eventually, isAlive } from "../support/server.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(60_000);

/** What ending a tree may take beyond its grace; and what a busy machine may add to it. */
const AFTER_GRACE = 500;
const HEADROOM = 4500;
/** The server's own grace, at a deadline and at its end. */
const SERVER_GRACE = 2000;

/** Those that a test can have many of at once, and that don't take the machine for themselves. */
const CALM = AWKWARD_NAMES.filter(
	(name) => name !== "a comet" && name !== "a fork bomb",
);
const WILD: readonly AwkwardName[] = ["a comet", "a fork bomb"];

const noZombies = (server: RawServer) =>
	eventually(
		() => zombiesOf(server.pid).length === 0 || undefined,
		"every zombie to be reaped",
		20_000,
	);

/** Ends the server and checks that nothing of its own is left. */
async function endServer(server: RawServer): Promise<number> {
	const guards = guardsOf(server.pid);
	const began = performance.now();
	server.endInput();
	expect(await server.waitForExit()).toEqual({ code: 0, signal: null });
	const took = performance.now() - began;
	expect(cgroupsOf(server.pid)).toEqual([]);
	await eventually(
		() => !guards.some(isAlive) || undefined,
		"the guard to end",
		20_000,
	);
	return took;
}

const print = (way: string, what: string, took: number, bound: number) =>
	console.log(`${way}, ${what}: ${Math.round(took)} ms of ${bound}`);

describe.each(WAYS)("$name,", ({ name: way, wrapper, hasCgroups }) => {
	const open = () => RawServer.start(AWKWARD_CONFIG, { wrapper });

	it("trees are in one exactly if there are any", async () => {
		await using server = await open();
		await using tree = await new AwkwardTree(
			"a daemon whose parent stays",
		).start(server);
		for (const pid of tree.alive()) expect(isInCgroup(pid)).toBe(hasCgroups);
		expect(cgroupsOf(server.pid)).toHaveLength(hasCgroups ? 1 : 0);
	});

	it.each(AWKWARD_NAMES)("process_terminate ends %s", async (name) => {
		await using server = await open();
		await using tree = await new AwkwardTree(name).start(server);
		const grace = 500;
		const began = performance.now();
		const { survivors } = await server.ok("process_terminate", {
			pid: tree.pid,
			timeout: grace,
		});
		const took = performance.now() - began;
		expect(survivors).toEqual([]);
		expect(await tree.left()).toEqual([]);
		const bound = grace + AFTER_GRACE;
		print(way, `process_terminate of ${name}`, took, bound);
		expect(took).toBeLessThan(bound + HEADROOM);
		await noZombies(server);
		await endServer(server);
	});

	async function expectTimeout(names: readonly AwkwardName[], timeout: number) {
		await using server = await open();
		await using trees = new AsyncDisposableStack();
		const ends = names.map(async (name) => {
			const tree = trees.use(new AwkwardTree(name));
			const began = performance.now();
			await tree.start(server, { timeout });
			const bound = timeout + SERVER_GRACE + AFTER_GRACE;
			// To look for a tree takes the machine that it is to be ended on.
			await Bun.sleep(timeout);
			for (;;) {
				const left = await tree.left();
				const took = performance.now() - began;
				if (left.length === 0) {
					print(way, `timeout of ${name}`, took, bound);
					return [];
				}
				if (took > bound + HEADROOM) return [name, ...left];
				await Bun.sleep(10);
			}
		});
		expect((await Promise.all(ends)).flat()).toEqual([]);
		await noZombies(server);
		await endServer(server);
	}

	it("a timeout ends what is awkward to end", () => expectTimeout(CALM, 2500));
	it.each(WILD)("a timeout ends %s", (name) => expectTimeout([name], 1500));

	async function expectShutdown(names: readonly AwkwardName[]) {
		await using server = await open();
		await using trees = new AsyncDisposableStack();
		const started = await Promise.all(
			names.map((name) => trees.use(new AwkwardTree(name)).start(server)),
		);
		const took = await endServer(server);
		const left: (AwkwardName | number)[] = [];
		for (const tree of started) {
			const pids = await tree.left();
			if (pids.length > 0) left.push(tree.name, ...pids);
		}
		expect(left).toEqual([]);
		const bound = SERVER_GRACE + AFTER_GRACE;
		print(way, `end of the server with ${names.join(", ")}`, took, bound);
		expect(took).toBeLessThan(bound + HEADROOM);
	}

	it("the server's end ends what is awkward to end", () =>
		expectShutdown(CALM));
	it.each(WILD)("the server's end ends %s", (name) => expectShutdown([name]));

	it("process_terminate ends one of several daemons, and no other", async () => {
		await using server = await open();
		await using trees = new AsyncDisposableStack();
		const daemons: AwkwardTree[] = [];
		for (let count = 0; count < 6; count++)
			daemons.push(
				await trees
					.use(
						new AwkwardTree(
							count % 2 ? "a daemon" : "a daemon whose parent stays",
						),
					)
					.start(server),
			);
		for (let tree = daemons.pop(); tree; tree = daemons.pop()) {
			const before = daemons.flatMap((other) => other.alive());
			await server.ok("process_terminate", { pid: tree.pid });
			expect(await tree.left()).toEqual([]);
			expect(daemons.flatMap((other) => other.alive())).toEqual(before);
		}
		await endServer(server);
	});
});
