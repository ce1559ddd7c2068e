import { describe, expect, it } from "bun:test";
import { ProcessError } from "../../src/errors.ts";
import { checkTerminal } from "../../src/process/terminal.ts";
import { platform } from "../support/managed.ts";
import { caught, Table } from "../support/table.ts";

const TRAITS = { canonical: 2, echo: 8, longestLine: 10 };
const terminal = { cols: 80, rows: 24 };

/** The field that is complained of; undefined where nothing is. */
function complaint(...args: Parameters<typeof checkTerminal>): unknown {
	try {
		checkTerminal(...args);
		return undefined;
	} catch (error) {
		if (!(error instanceof ProcessError)) throw error;
		expect(error.code).toBe("INVALID_ARGUMENT");
		return error.details?.field;
	}
}

describe("a launch that asks for a terminal", () => {
	it("is refused where there are none, never started without one", () => {
		expect(complaint({ terminal }, undefined)).toBe("terminal");
		expect(complaint({}, undefined)).toBeUndefined();
	});

	it.each([
		["123456789\n", undefined],
		["1234567890\n", "stdin"],
		["a\n1234567890", undefined],
		["a\n12345678901", "stdin"],
		["12345678901\na", "stdin"],
		["", undefined],
	])("with the input %j: %s", (stdin, field) => {
		expect(complaint({ terminal, stdin }, TRAITS)).toBe(field);
		expect(complaint({ stdin }, TRAITS)).toBeUndefined();
	});

	it.skipIf(!platform.terminals)(
		"leaves nothing running and no slot taken where it fails",
		async () => {
			await using table = await Table.open({ maxConcurrentProcesses: 1 });
			for (let n = 0; n < 3; n++)
				expect(
					await caught(table.start(import.meta.path, [], { terminal })),
				).toMatchObject({ code: "PERMISSION_DENIED" });
			const process = await table.start("/bin/echo", ["x"], { terminal });
			await process.gone;
			expect(process.stdout.end).toBe(3);
		},
	);
});
