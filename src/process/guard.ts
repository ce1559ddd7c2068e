import { closeSync, writeSync } from "node:fs";
import { diagnose, messageOf, systemCode } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import { sendSignal } from "../platform/signal.ts";
import { type SpawnedGuard, spawnGuard } from "./launcher.ts";

/**
 * What the guard runs: it is told of the control groups' folders, of the mark that
 * every process started here has, and of process groups, line by line. When the pipe
 * from the server is closed, because the server ended in whatever way, it kills them
 * all. It runs in a background job, whose parent has ended, so that the death signal of the server's direct children
 * (PR_SET_PDEATHSIG on Linux, which fork(2) clears) does not reach it. Any POSIX
 * shell will do, macOS's old bash included.
 */
const SCRIPT = `
exec 3<&0
(
	trap '' HUP INT TERM
	groups=' '
	cgroup=
	mark=
	while read -r op what <&3; do
		case $op in
			c) cgroup=$what ;;
			l) set -- "$@" "$what" ;;
			m) mark=$what ;;
			+) groups="$groups$what " ;;
			-) case $groups in *" $what "*)
				groups="\${groups%%" $what "*} \${groups#*" $what "}" ;;
			esac ;;
		esac
	done
	[ -n "$cgroup" ] && echo 1 >"$cgroup/cgroup.kill"
	# A group is killed in one step, however fast its members follow each other.
	for group in $groups; do kill -s KILL -- "-$group"; done
	end() {
		# The server has the mark while it starts something, and the group is its client's.
		[ "$1" = "$PPID" ] && return
		state=
		read -r line <"/proc/$1/stat" && set -- "$1" \${line##*) } && state=$2
		# A main thread that has ended leaves a zombie while others run; 19 is num_threads.
		case $state in '' | X) return ;; Z) [ "\${19}" -gt 1 ] || return ;; esac
		left=1
		kill -s KILL -- "-$4"
		kill -s KILL "$1"
	}
	# With nothing but the shell itself, as there may be no room for a process more.
	# It looks at those that have come since its last look: that is quick enough for
	# what forks and ends.
	sweep() {
		since=$highest
		for file in /proc/[0-9]*/limits; do
			pid=\${file#/proc/}
			pid=\${pid%/limits}
			[ "$pid" -gt "$since" ] || continue
			[ "$pid" -gt "$highest" ] && highest=$pid
			marked=
			while read -r a b c soft hard; do
				[ "$a $b $c" = "Max file locks" ] || continue
				case $soft in $mark[0-9][0-9][0-9][0-9][0-9][0-9][0-9]) marked=1 ;; esac
				break
			done <"$file"
			[ -z "$marked" ] || end "$pid"
		done
	}
	last() {
		trap '' EXIT
		for round in 1 2 3 4 5; do
			[ -n "$mark" ] || break
			left= highest=0 look=0
			while [ "$look" -lt "$looks" ]; do
				sweep
				look=$((look + 1))
			done
			[ -n "$left" ] || break
		done
		[ -z "$cgroup" ] || set -- "$@" "$cgroup"
		for round in 1 2 3 4 5; do
			left=
			for folder; do
				[ -d "$folder" ] || continue
				rmdir "$folder"/*/ "$folder" || left=1
			done
			[ -n "$left" ] || exit
			sleep 0.2
		done
	}
	# Also where a shell that can't start grep ends.
	looks=40 found=
	trap 'last "$@"' EXIT
	# One that is born while the others are looked at is seen by the next look only.
	quiet=
	for round in 1 2 3 4 5 6 7 8 9 10; do
		[ -n "$mark" ] || exit
		files=$(grep -ls "^Max file locks *$mark[0-9]\\{7\\} " /proc/[0-9]*/limits)
		left=
		for file in $files; do
			pid=\${file#/proc/}
			end "\${pid%/limits}"
			[ "$file" = "/proc/$PPID/limits" ] || found=1
		done
		if [ -n "$left" ]; then quiet=; elif [ -n "$quiet" ]; then break; else
			quiet=1
			sleep 0.05
		fi
	done
	[ -n "$found" ] || looks=1
) </dev/null >/dev/null 2>&1 &
`;

/** Milliseconds until a guard that could not be started is tried again. */
const RETRY = 1000;

/**
 * Kills what is left when this server is killed and can't do it itself: SIGKILL,
 * or the kernel out of memory. On Linux direct children die with the server anyway,
 * and the guard is for theirs.
 *
 * It is one shell, of about a megabyte, from the first launch on. Each start asks
 * whether it is there, and where there are no control groups tells it of a group,
 * twice.
 */
export class Guard {
	#guard: SpawnedGuard | undefined;
	#cgroup: string | undefined;
	/** When one that could not be started is tried again, by the monotonic clock. */
	#retryAt = 0;
	readonly #folders = new Set<string>();
	/** How many trees have each group: a pid may come again before its tree is heard to be gone. */
	readonly #groups = new Map<number, number>();

	constructor(private readonly platform: Platform) {
		// At once: until the next time that it is asked for, the server may be killed.
		platform.onLimitFolder?.((folder) => {
			this.#folders.add(folder);
			this.#tell("l", folder);
		});
	}

	/** Resolves once it stands by: what is started from then on is not without it for a moment. */
	async prepare(): Promise<void> {
		this.check();
		await this.#guard?.ready;
		if (this.#cgroup !== undefined) return;
		// Made only now: its folder is not without a guard either.
		this.#cgroup = this.platform.makeCgroup();
		if (this.#cgroup !== undefined) this.#tell("c", this.#cgroup);
	}

	/** One that was stopped from outside goes on; one that was ended is replaced. */
	check(): void {
		// Only of one that hears is the group its own.
		if (this.#guard && this.#hears(this.#guard))
			sendSignal(-this.#guard.group, "SIGCONT");
		else this.#start();
	}

	#hears({ fd }: SpawnedGuard): boolean {
		return this.platform.pipes?.hasReader?.(fd) ?? this.#tell("?", "");
	}

	/** Takes a group into its care. */
	add(group: number): void {
		const count = this.#groups.get(group) ?? 0;
		this.#groups.set(group, count + 1);
		if (count === 0 && !this.#tell("+", group)) this.#start();
	}

	/** Lets go of a group of which nothing lives any more. */
	remove(group: number): void {
		const count = this.#groups.get(group) ?? 0;
		if (count > 1) this.#groups.set(group, count - 1);
		if (count !== 1) return;
		this.#groups.delete(group);
		if (!this.#tell("-", group) && this.#groups.size > 0) this.#start();
	}

	/** Ends the guard, which kills what is still in its care. */
	close(): void {
		if (this.#guard) closeSync(this.#guard.fd);
		this.#guard = undefined;
	}

	/** Whether the guard heard; one that was ended or stopped from outside does not. */
	#tell(
		operation: "+" | "-" | "c" | "l" | "m" | "?",
		what: number | string,
	): boolean {
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
		this.close();
		if (performance.now() < this.#retryAt) return;
		try {
			this.#guard = spawnGuard(SCRIPT, this.platform);
		} catch (error) {
			diagnose(`no guard: ${messageOf(error)}`);
		}
		if (!this.#guard) this.#retryAt = performance.now() + RETRY;
		const { mark } = this.platform;
		if (mark !== undefined) this.#tell("m", mark);
		if (this.#cgroup !== undefined) this.#tell("c", this.#cgroup);
		for (const folder of this.#folders) this.#tell("l", folder);
		for (const group of this.#groups.keys()) this.#tell("+", group);
	}
}
