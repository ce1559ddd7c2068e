import { closeSync, writeSync } from "node:fs";
import { systemCode } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import { sendSignal } from "../platform/signal.ts";
import { type SpawnedGuard, spawnGuard } from "./launcher.ts";

/**
 * What the guard runs: it keeps a list of process groups, as told line by line,
 * and the folder of the control group, where there is one; when the pipe from the server is closed, because the server ended in
 * whatever way, it kills those on the list. It runs in a background job, whose
 * parent has ended, so that the death signal of the server's direct children
 * (PR_SET_PDEATHSIG on Linux, which fork(2) clears) does not reach it. Any POSIX
 * shell will do, macOS's old bash included.
 */
const SCRIPT = `
exec 3<&0
(
	trap '' HUP INT TERM
	groups=' '
	cgroup=
	while read -r op id <&3; do
		case $op in
			c) cgroup=$id ;;
			+) groups="$groups$id " ;;
			-) case $groups in *" $id "*)
				groups="\${groups%%" $id "*} \${groups#*" $id "}" ;;
			esac ;;
		esac
	done
	[ -n "$cgroup" ] && echo 1 >"$cgroup/cgroup.kill"
	for id in $groups; do kill -s KILL -- "-$id"; done
	[ -n "$cgroup" ] || exit
	for left in 1 2 3 4 5; do
		rmdir "$cgroup"/*/ "$cgroup" && exit
		sleep 0.2
	done
) </dev/null >/dev/null 2>&1 &
`;

/**
 * Kills the control group and the process groups that are left when this server is killed and can't do
 * it itself: SIGKILL, or the kernel out of memory. On Linux the groups' leaders die
 * with the server anyway, and the guard is for their children.
 *
 * It is one shell, of about a megabyte, from the first launch on, and costs a
 * write to a pipe for each start and each end.
 */
export class Guard {
	#guard: SpawnedGuard | undefined;
	readonly #groups = new Set<number>();

	constructor(private readonly platform: Platform) {}

	/** Takes a group into its care. */
	add(group: number): void {
		this.#groups.add(group);
		if (!this.#tell("+", group)) this.#start();
	}

	/** Lets go of a group of which nothing lives any more. */
	remove(group: number): void {
		if (this.#groups.delete(group) && this.#guard && !this.#tell("-", group))
			this.#start();
	}

	/** Ends the guard, which kills what is still in its care. */
	close(): void {
		if (this.#guard) closeSync(this.#guard.fd);
		this.#guard = undefined;
	}

	/** Whether the guard heard; one that was ended or stopped from outside does not. */
	#tell(operation: "+" | "-" | "c", what: number | string): boolean {
		if (!this.#guard) return false;
		try {
			writeSync(this.#guard.fd, `${operation} ${what}\n`);
			return true;
		} catch (error) {
			// One that is only stopped would later act on a list that is old.
			if (systemCode(error) === "EAGAIN")
				sendSignal(-this.#guard.group, "SIGKILL");
			this.close();
			return false;
		}
	}

	#start(): void {
		if (this.#groups.size === 0) return;
		this.#guard = spawnGuard(SCRIPT, this.platform);
		const { cgroup } = this.platform;
		if (cgroup !== undefined) this.#tell("c", cgroup);
		for (const group of this.#groups) this.#tell("+", group);
	}
}
