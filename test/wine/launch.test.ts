import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { missing, WineServer } from "./wine.ts";

setDefaultTimeout(120_000);

describe.skipIf(missing !== undefined)("under Windows, process_start", () => {
	it("captures output byte for byte", async () => {
		await using wine = await WineServer.start();
		const { server } = wine;
		const pid = await wine.launch("bytes");
		expect(await server.waitForEnd(pid)).toMatchObject({
			state: "stopped",
			exitCode: 0,
		});
		const reply = await server.ok("process_get_output", {
			pid,
			encoding: "hex",
		});
		const bytes = Buffer.from([...Array(256).keys()]);
		expect(reply.stdout).toBe(bytes.toString("hex"));
		expect(reply.stderr).toBe(bytes.reverse().toString("hex"));
	});
});
