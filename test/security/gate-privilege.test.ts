import { describe, expect, it } from "bun:test";
import { chmodSync, chownSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { currentPlatform } from "../../src/platform/current.ts";
import { Programs, refuse, verdict } from "../support/policy-gate.ts";

const POSIX = process.platform !== "win32";
const ROOT = process.getuid?.() === 0;

describe.skipIf(!POSIX)("a file with privileges", () => {
	it.each([0o4755, 0o2755, 0o6755])(
		"is refused by its mode %o, and through a link",
		async (mode) => {
			using scratch = new Programs();
			const tool = scratch.program("opt/tool", mode);
			scratch.link("link", tool);
			const gate = await scratch.gate({ allowedExecutables: ["/**"] });
			for (const executable of [tool, "link"]) {
				const { message, remediation, details } = await refuse(gate, {
					executable,
				});
				expect(message).toStartWith("Setuid/setgid executables are blocked");
				expect(remediation).toContain("blockSetuidExecutables");
				expect(details).toMatchObject({
					layer: "privilege",
					violation: "setuid_executable",
				});
			}
			const open = await scratch.gate({
				allowedExecutables: ["/**"],
				blockSetuidExecutables: false,
			});
			expect(await verdict(open, { executable: "link" })).toBe("admitted");
		},
	);

	it("is refused by its capabilities, which are asked of the real file", async () => {
		using scratch = new Programs();
		const tool = scratch.program("opt/tool");
		scratch.link("link", tool);
		scratch.program("plain");
		const probes = { hasCapabilities: (path: string) => path === tool };
		const gate = await scratch.gate(
			{ allowedExecutables: ["/**"] },
			{ probes },
		);
		const { message, details } = await refuse(gate, { executable: "link" });
		expect(message).toStartWith("Setuid/setgid executables are blocked");
		expect(message).toContain("file capabilities");
		expect(details).toMatchObject({ violation: "setuid_executable" });
		expect(await verdict(gate, { executable: "plain" })).toBe("admitted");
		const open = await scratch.gate(
			{ allowedExecutables: ["/**"], blockSetuidExecutables: false },
			{ probes },
		);
		expect(await verdict(open, { executable: "link" })).toBe("admitted");
	});

	const setcap =
		ROOT && process.platform === "linux"
			? Bun.which("setcap", { PATH: "/usr/sbin:/sbin:/usr/bin" })
			: null;

	it.skipIf(setcap === null)(
		"is refused by capabilities that the system reports",
		async () => {
			using scratch = new Programs();
			const tool = join(scratch.bin, "tool");
			copyFileSync("/bin/true", tool);
			chmodSync(tool, 0o755);
			const gate = await scratch.gate(
				{ allowedExecutables: ["tool"] },
				{ probes: await currentPlatform() },
			);
			expect(await verdict(gate, { executable: "tool" })).toBe("admitted");
			expect(
				Bun.spawnSync([String(setcap), "cap_net_raw+ep", tool]).success,
			).toBe(true);
			expect(await verdict(gate, { executable: "tool" })).toBe(
				"privilege: setuid_executable",
			);
		},
	);
});

describe.skipIf(!POSIX)("a file that others can change", () => {
	it("is refused by its own mode or its folder's, and the path to mend is named", async () => {
		using scratch = new Programs();
		const file = scratch.program("one/tool", 0o757);
		const inOpen = scratch.program("two/tool");
		const open = scratch.folder("two", 0o757);
		const gate = await scratch.gate({ allowedExecutables: ["/**"] });
		for (const [executable, path] of [
			[file, file],
			[inOpen, open],
		]) {
			const { message, remediation, details } = await refuse(gate, {
				executable: String(executable),
			});
			expect(message).toContain("every user can write");
			expect(remediation).toContain(`chmod o-w ${path}`);
			expect(details).toMatchObject({
				layer: "allowlist",
				violation: "unsafe_location",
				path,
			});
		}
		scratch.folder("two", 0o1777);
		expect(await verdict(gate, { executable: inOpen })).toBe("admitted");
		chmodSync(file, 0o775);
		expect(await verdict(gate, { executable: file })).toBe("admitted");
	});

	it("is refused where the link to it can be changed", async () => {
		using scratch = new Programs();
		const link = scratch.link("open/tool", scratch.program("opt/tool"));
		scratch.folder("open", 0o777);
		const gate = await scratch.gate({ allowedExecutables: [link] });
		expect(await verdict(gate, { executable: link })).toBe(
			"allowlist: unsafe_location",
		);
	});

	it("is refused where a link between can be changed", async () => {
		using scratch = new Programs();
		const middle = scratch.link("open/tool", scratch.program("opt/tool"));
		const link = scratch.link("tool", middle);
		scratch.folder("open", 0o777);
		const gate = await scratch.gate({ allowedExecutables: [link] });
		expect(await verdict(gate, { executable: link })).toBe(
			"allowlist: unsafe_location",
		);
	});

	it("is refused where a folder further up can be replaced", async () => {
		using scratch = new Programs();
		const tool = scratch.program("open/inner/tool");
		scratch.folder("open", 0o777);
		const gate = await scratch.gate({ allowedExecutables: [tool] });
		expect(await verdict(gate, { executable: tool })).toBe(
			"allowlist: unsafe_location",
		);
	});

	it.skipIf(!ROOT)("is not refused for whom it belongs to", async () => {
		using scratch = new Programs();
		const tool = scratch.program("tool");
		chownSync(tool, 65534, 65534);
		const gate = await scratch.gate({ allowedExecutables: ["tool"] });
		expect(await verdict(gate, { executable: "tool" })).toBe("admitted");
	});
});
