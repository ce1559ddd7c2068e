import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { AWKWARD_CONFIG } from "../support/awkward.ts";
import { Mark } from "../support/marked.ts";
import { fixture, PYTHON } from "../support/programs.ts";
import { RawServer } from "../support/raw.ts";
import { eventually } from "../support/server.ts";
import { WAYS } from "../support/ways.ts";

setDefaultTimeout(60_000);

const SERVICES = 5;
const CHILDREN = 3;
/** What may outlive the server, and what a busy machine may add to it. */
const BOUND = 1000;
const HEADROOM = 1500;

describe.each(WAYS)("$name, SIGKILL of the server", ({ name, wrapper }) => {
	it("ends stubborn services and the checks of their health that run", async () => {
		await using server = await RawServer.start(AWKWARD_CONFIG, { wrapper });
		await using mark = new Mark();
		for (let count = 0; count < SERVICES; count++)
			await server.ok("process_start_service", {
				name: `service-${count}`,
				executable: PYTHON,
				args: [fixture("stubborn-children.py"), String(CHILDREN), mark.text],
				healthCheck: {
					command: `${PYTHON} ${fixture("stubborn-children.py")} 0 ${mark.text}`,
					interval: 100,
					timeout: 60_000,
				},
			});
		const all = SERVICES * (1 + CHILDREN + 1);
		await eventually(
			() => mark.alive().length === all || undefined,
			"every service and every check to run",
		);
		server.signal("SIGKILL");
		const { left, took } = await mark.outlives(BOUND + HEADROOM);
		console.log(`${name}: ${took} ms of ${BOUND}, ${left.length} left`);
		expect(left).toEqual([]);
	});
});
