import { closeSync, constants, openSync, readSync, statSync } from "node:fs";
import type { Executable } from "./executable.ts";

/** This program's own file, where it is a program of its own. */
export interface SelfFile {
	readonly path: string;
	readonly device: bigint;
	readonly inode: bigint;
	/** Bytes. */
	readonly size: number;
}

/** Whether this runs as a program of its own, not as a script of the runtime's. */
export function isCompiled(): boolean {
	return /^(\/\$bunfs\/|B:[\\/]~BUN[\\/])/.test(Bun.main);
}

/** Bytes at the end of the file that are compared: there lies what makes it this program. */
const TAIL = 64 * 1024;

export function selfFile(path: string): SelfFile {
	const { dev, ino, size } = statSync(path, { bigint: true });
	return { path, device: dev, inode: ino, size: Number(size) };
}

/**
 * Whether an executable is this program or a copy of it. As a child it would be
 * a server whose policy the agent writes, and with BUN_BE_BUN a script runner.
 */
export function isSelf(executable: Executable, self: SelfFile): boolean {
	const { device, inode, real } = executable;
	if (device === self.device && inode === self.inode) return true;
	try {
		return (
			statSync(real).size === self.size &&
			tailOf(real, self.size).equals(tailOf(self.path, self.size))
		);
	} catch {
		return false;
	}
}

function tailOf(path: string, size: number): Buffer {
	const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
	try {
		const tail = Buffer.alloc(Math.min(TAIL, size));
		readSync(fd, tail, 0, tail.length, size - tail.length);
		return tail;
	} finally {
		closeSync(fd);
	}
}
