import { nameOf } from "../config/load.ts";
import { forTerminal } from "./command.ts";
import { wire } from "./wire.ts";

/** What an explanation prints, and whether the launch would be allowed. */
export async function explain(options: {
	readonly config: string | undefined;
	readonly cwd: string | undefined;
	readonly command: readonly [string, ...string[]];
}): Promise<{ readonly text: string; readonly allowed: boolean }> {
	const { gate, audit, loaded } = await wire(options.config);
	const [executable, ...args] = options.command;
	const { allowed, layers } = gate(audit).explain({
		executable,
		args,
		cwd: options.cwd,
		agent: "command line",
	});
	const lines = layers.map(({ layer, verdict, reason }) => {
		const mark = verdict === "refuse" ? "REFUSED" : verdict;
		return forTerminal(`  ${layer.padEnd(13)} ${mark.padEnd(8)} ${reason}`);
	});
	const refusal = layers.find(({ verdict }) => verdict === "refuse");
	const verdict =
		refusal === undefined
			? "Allowed."
			: `Refused by the layer "${refusal.layer}".\n${forTerminal(refusal.remediation ?? "")}`;
	return {
		text: `${forTerminal(JSON.stringify([executable, ...args]))}\nconfiguration: ${nameOf(loaded.source)}\n${lines.join("\n")}\n${verdict}\n`,
		allowed,
	};
}
