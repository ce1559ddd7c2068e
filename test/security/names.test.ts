import { describe, expect, it } from "bun:test";
import { namesStream, programName } from "../../src/security/executable.ts";
import { isDangerousName, isShellName } from "../../src/security/names.ts";

/** The contract's tables, word for word. */
const DANGEROUS = `sudo su doas pkexec chmod chown chgrp rm rmdir unlink shred
dd mkfs fdisk parted iptables nft systemctl service reboot shutdown halt
poweroff init telinit mount umount insmod modprobe setcap chroot nsenter unshare
runas psexec psexec64 del erase format diskpart bcdedit reg regedit sc net netsh
wmic msiexec taskkill`.split(/\s+/);

const SHELLS = `bash sh dash ash zsh fish csh tcsh ksh mksh rbash busybox cmd
powershell pwsh wscript cscript`.split(/\s+/);

describe("the table of dangerous names", () => {
	it.each(DANGEROUS)("holds %s", (name) => {
		expect(isDangerousName(name)).toBe(true);
	});

	it.each(["mkfs.ext4", "mkfs.vfat", "mkfs."])("holds %s", (name) => {
		expect(isDangerousName(name)).toBe(true);
	});

	it.each([
		"rmx",
		"xrm",
		"ddrescue",
		"mkfsx",
		"node",
		"",
		"service.py",
		"constructor",
	])("does not hold %j", (name) => {
		expect(isDangerousName(name)).toBe(false);
	});
});

describe("the table of shells", () => {
	it.each(SHELLS)("holds %s", (name) => {
		expect(isShellName(name)).toBe(true);
	});

	it.each(["node", "bashful", "ssh", "python3", "git", "", "__proto__"])(
		"does not hold %j",
		(name) => {
			expect(isShellName(name)).toBe(false);
		},
	);
});

describe("a program's name on Windows", () => {
	it.each([
		["C:\\Windows\\System32\\CMD.EXE", "cmd"],
		["cmd.exe.", "cmd"],
		["cmd.exe . ", "cmd"],
		["PowerShell", "powershell"],
		["C:/tools/net.COM", "net"],
		["reg.exe::$DATA", "reg"],
		["x:cmd.exe", "cmd"],
		["C:\\project\\build.cmd", "build"],
		["diskpart.exe:stream:$DATA", "diskpart"],
		["taskkill .exe", "taskkill"],
	])("%p is %p", (path, name) => {
		expect(programName(path, "win32")).toBe(name);
	});

	it("has its case where case matters, and none on macOS", () => {
		expect(programName("/x/Sudo", "linux")).toBe("Sudo");
		expect(programName("/x/Sudo", "darwin")).toBe("sudo");
	});
});

describe("a path on Windows", () => {
	it.each([
		"C:\\tools\\notes.txt:evil.exe",
		"cmd.exe::$DATA",
		"\\\\?\\C:\\tools\\a.exe:b",
		"C:/tools/a.exe:b:$DATA",
	])("%p means a stream beside a file", (path) => {
		expect(namesStream(path)).toBe(true);
	});

	it.each([
		"C:\\tools\\a.exe",
		"c:a.exe",
		"a.exe",
		"\\\\?\\C:\\tools\\a.exe",
		"\\\\.\\C:\\a.exe",
		"\\\\server\\share\\a.exe",
	])("%p means a file", (path) => {
		expect(namesStream(path)).toBe(false);
	});
});
