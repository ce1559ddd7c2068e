import { describe, expect, it } from "bun:test";
import { openLinuxLibc } from "../../src/platform/ffi.ts";
import { Tags } from "../../src/platform/tag.ts";
import { eventually, isAlive } from "../support/server.ts";

describe.skipIf(process.platform !== "linux")("Tags", () => {
	/** A tagged shell, and one more process that it prints the pid of. */
	async function startTagged(script: string) {
		const tags = new Tags(openLinuxLibc());
		const tag = tags.put();
		const child = Bun.spawn(["sh", "-c", script], { stdout: "pipe" });
		tags.takeOff();
		const { value } = await child.stdout.getReader().read();
		return { tags, tag, child, other: Number(Buffer.from(value ?? [])) };
	}

	it.each([
		["a child", "sleep 60 & echo $!; wait"],
		[
			"one in a session of its own",
			"setsid sh -c 'echo $$; exec sleep 60' & wait",
		],
		[
			"one that has lost its parent, its environment and its streams",
			"(env -i setsid sh -c 'echo $$; exec sleep 60 >/dev/null 2>&1 </dev/null' &)",
		],
	])("are inherited by %s", async (_, script) => {
		const { tags, tag, child, other } = await startTagged(script);
		try {
			expect(tag).toBeGreaterThan(0);
			expect(tags.of(other)).toBe(tag);
		} finally {
			for (const pid of [other, child.pid])
				if (isAlive(pid)) process.kill(pid, "SIGKILL");
			await child.exited;
		}
	});

	it("differ by start, and are off again after it", async () => {
		const first = await startTagged("echo 0; exec sleep 60");
		const second = await startTagged("echo 0; exec sleep 60");
		const bystander = Bun.spawn(["sleep", "60"]);
		try {
			const { tags } = first;
			const all = [first.child, second.child, bystander].map(({ pid }) =>
				tags.of(pid),
			);
			expect(new Set(all).size).toBe(3);
			expect(all[2]).toBe(tags.of(process.pid));
		} finally {
			for (const child of [first.child, second.child, bystander]) {
				child.kill("SIGKILL");
				await child.exited;
			}
		}
	});

	it("are unknown of a process that is gone", async () => {
		const child = Bun.spawn(["true"]);
		await child.exited;
		const tags = new Tags(openLinuxLibc());
		await eventually(
			() => (tags.of(child.pid) === undefined ? true : undefined),
			"its pid to be free",
		);
	});
});
