import { describe, expect, it } from "bun:test";
import { Emulator } from "../../src/process/emulator.ts";

const SIZE = { cols: 80, rows: 24 };

async function shown(
	text: string | Uint8Array,
	size = SIZE,
): Promise<{ lines: readonly string[]; said: string; title: unknown }> {
	let said = "";
	const emulator = await Emulator.open(size, (answer) => {
		said += answer;
	});
	await emulator.write(Buffer.from(text));
	const { lines, title } = emulator.picture();
	emulator.close();
	return { lines, said, title };
}

describe("the emulator", () => {
	it.each([
		["\x1b[5;7H\x1b[6n", "\x1b[5;7R"],
		["\x1b[?6n", "\x1b[?1;1R"],
		["\x1b[5n", "\x1b[0n"],
		["\x1b[c", "\x1b[?1;2c"],
		["\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"],
		["\x1b[18t", "\x1b[8;24;80t"],
		["\x1b]11;?\x07", "\x1b]11;rgb:0000/0000/0000\x1b\\"],
		["\x1b]10;?\x1b\\", "\x1b]10;rgb:ffff/ffff/ffff\x1b\\"],
		["\x1b]0;a title\x07\x1b[21t", ""],
		["\x1b]52;c;?\x07", ""],
	])("says to %j: %j", async (question, answer) => {
		expect((await shown(question)).said).toBe(answer);
	});

	it("gives characters the columns that they take, and keeps marks with them", async () => {
		const { lines, said } = await shown(
			"a\u0308\x1b[6n\r\n\u{1f600}\x1b[6n\r\n\u4e2d\u6587\x1b[6n\r\n\u00e9|",
		);
		expect(lines).toEqual(["a\u0308", "\u{1f600}", "\u4e2d\u6587", "\u00e9|"]);
		expect(said).toBe("\x1b[1;2R\x1b[2;3R\x1b[3;5R");
	});

	// Each took minutes, and nothing else happened in them.
	it.each(["I", "L", "M", "S", "T", "Z", "b"])(
		"is not kept by a sequence CSI … %s with a number of ten digits",
		async (final) => {
			const { lines } = await shown(`x\x1b[2147483647${final}\x1b[2;1Hend`);
			expect(lines.join("\n")).toContain("end");
		},
		10_000,
	);

	it("lets others have a turn while it draws", async () => {
		const emulator = await Emulator.open({ cols: 1000, rows: 1000 }, () => {});
		let turns = 0;
		const timer = setInterval(() => turns++, 1);
		// A thousand times a million cells.
		await emulator.write(Buffer.from("\x1b[2J".repeat(250)));
		clearInterval(timer);
		emulator.close();
		expect(turns).toBeGreaterThan(10);
	}, 60_000);

	it.each([
		["marks of one character", "\u0301"],
		["links", "\r\x1b]8;;http://x\x07x\x1b]8;;\x07"],
		["titles", `\x1b]0;${"t".repeat(4000)}\x07\x1b[22t`],
	])(
		"takes no memory for %s",
		async (_, text) => {
			const emulator = await Emulator.open(SIZE, () => {});
			const bytes = Buffer.from(text.repeat(1 + 60_000 / text.length));
			await emulator.write(Buffer.from("x"));
			const memory = () => {
				Bun.gc(true);
				return process.memoryUsage.rss() / 2 ** 20;
			};
			await emulator.write(bytes);
			const before = memory();
			for (let n = 0; n < 60; n++) await emulator.write(bytes);
			const { lines, title } = emulator.picture();
			expect(memory() - before).toBeLessThan(100);
			expect(Buffer.byteLength(lines.join(""))).toBeLessThan(80 * 24 * 100);
			expect(String(title).length).toBeLessThanOrEqual(200);
			emulator.close();
		},
		120_000,
	);
});
