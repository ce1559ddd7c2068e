import { describe, expect, it } from "bun:test";
import { createServer } from "node:net";
import {
	allProcesses,
	childrenOf,
	hasEnded,
	listeningPorts,
	parseListening,
	parseStat,
	readIo,
	readStat,
	socketsOf,
} from "../../src/platform/procfs.ts";
import { run, sh } from "../support/managed.ts";

/** A recorded line of /proc/PID/stat; `comm` and `state` may vary. */
const stat = (comm: string, state = "S", threads = 7) =>
	`4711 (${comm}) ${state} 4242 4700 4600 34816 4711 4194560 1021 88 3 0 150 70 20 10 20 0 ${threads} 0 8123456 12345678 2048 18446744073709551615 1 1 0 0 0 0 65536 4096 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n`;

const EXPECTED = {
	pid: 4711,
	state: "S",
	parent: 4242,
	group: 4700,
	session: 4600,
	ownTicks: 220,
	waitedTicks: 30,
	threads: 7,
	startTime: 8123456,
	residentPages: 2048,
};

describe("parseStat", () => {
	it.each([
		...["node", "a b", "(sd-pam)", "x) R 1 1 1", ") S 0", "((", "", " ", "漢"],
		...["tmux: server", "a\nb"],
	])("reads what follows the name (%j)", (comm) => {
		expect(parseStat(stat(comm))).toEqual(EXPECTED);
	});

	it.each(["", "garbage", "4711"])("reads nothing of %j", (text) => {
		expect(parseStat(text)).toBeUndefined();
	});

	it.each([
		["R", false],
		["S", false],
		["D", false],
		["T", false],
		["t", false],
		["I", false],
		["Z", true],
		["X", true],
		["x", true],
	])("of state %s tells whether the process has ended", (state, ended) => {
		const parsed = parseStat(stat("node", state, 1));
		expect(parsed && hasEnded(parsed)).toBe(ended);
	});
});

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41001 1 0000000000000000 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41002 1 0000000000000000 100 0 0 10 0
   2: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 41003 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:D431 0100007F:1F90 06 00000000:00000000 03:00001731 00000000     0        0 0 3 0000000000000000
  10: 00000000:FFFF 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41004 1 0000000000000000 100 0 0 10 0
`;

const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51001 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:0BB9 0000000000000000FFFF00000100007F:A001 01 00000000:00000000 00:00000000 00000000  1000        0 51002 1 0000000000000000 100 0 0 10 0
`;

describe("parseListening", () => {
	it("takes the listening sockets and no others", () => {
		expect(parseListening(TCP)).toEqual([
			{ port: 8080, inode: "41001" },
			{ port: 22, inode: "41002" },
			{ port: 65535, inode: "41004" },
		]);
	});

	it("reads addresses of IPv6", () => {
		expect(parseListening(TCP6)).toEqual([{ port: 3000, inode: "51001" }]);
	});

	it.each(["", "\n\n", "  sl  local_address\n", "   0: 0100007F:1F90"])(
		"finds nothing in %j",
		(text) => {
			expect(parseListening(text)).toEqual([]);
		},
	);
});

describe.skipIf(process.platform !== "linux")("/proc", () => {
	it("knows this process", () => {
		const stat = readStat(process.pid);
		expect(stat).toMatchObject({ pid: process.pid, state: "R" });
		expect(stat?.residentPages).toBeGreaterThan(1000);
		expect(stat?.threads).toBeGreaterThan(0);
	});

	it("says nothing of a pid that is not there", () => {
		// Pids are at most 2^22 (proc_sys_kernel(5)).
		expect(readStat(2 ** 22 + 1)).toBeUndefined();
		expect(childrenOf(2 ** 22 + 1)).toEqual([]);
		expect(readIo(2 ** 22 + 1)).toBeUndefined();
	});

	it("lists a process's children, and all processes", async () => {
		await using running = await sh("sleep 60 & sleep 60 & echo $!; wait");
		const [, last] = await running.says(/(\d+)\n/);
		const children = childrenOf(running.launched.pid);
		expect(children).toHaveLength(2);
		expect(children).toContain(Number(last));
		const all = allProcesses().map(({ pid }) => pid);
		for (const pid of [...children, running.launched.pid, process.pid])
			expect(all).toContain(pid);
	});

	it("counts what was read and written", async () => {
		await using running = await sh(
			"head -c 100000 /dev/zero | cat >/dev/null; exec sleep 60",
		);
		expect(readIo(running.launched.pid)).toMatchObject({
			read: expect.any(Number),
			written: expect.any(Number),
		});
	});

	it("finds the ports on which a process listens, on every address, once each", async () => {
		const listen = (host: string) =>
			new Promise<ReturnType<typeof createServer>>((resolve) => {
				const server = createServer().listen(0, host, () => resolve(server));
			});
		const servers = [await listen("127.0.0.1"), await listen("0.0.0.0")];
		try {
			const ports = servers.map((server) => {
				const address = server.address();
				return typeof address === "object" && address ? address.port : 0;
			});
			const found = listeningPorts(
				socketsOf([process.pid]) ?? new Set(),
				process.pid,
			);
			for (const port of ports) expect(found).toContain(port);
			expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
		} finally {
			for (const server of servers) server.close();
		}
	});

	it("finds none for a process that does not listen, and none for nobody", async () => {
		await using running = await run("/bin/sleep", ["60"]);
		expect(socketsOf([running.launched.pid])).toEqual(new Set());
		expect(socketsOf([])).toEqual(new Set());
		expect(listeningPorts(new Set(), process.pid)).toEqual([]);
	});
});
