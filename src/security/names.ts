/** Programs that change the system or another user's rights; never started. */
const DANGEROUS = new Set([
	...["sudo", "su", "doas", "pkexec"],
	...["chmod", "chown", "chgrp"],
	...["rm", "rmdir", "unlink", "shred", "dd", "mkfs", "fdisk", "parted"],
	...["iptables", "nft"],
	...["systemctl", "service", "reboot", "shutdown", "halt", "poweroff"],
	...["init", "telinit"],
	...["mount", "umount", "insmod", "modprobe", "setcap"],
	...["chroot", "nsenter", "unshare"],
	...["runas", "psexec", "psexec64"],
	...["del", "erase", "format", "diskpart", "bcdedit", "reg", "regedit"],
	...["sc", "net", "netsh", "wmic", "msiexec", "taskkill"],
]);

const SHELLS = new Set([
	...["bash", "sh", "dash", "ash", "zsh", "fish", "csh", "tcsh", "ksh"],
	...["mksh", "rbash", "busybox"],
	...["cmd", "powershell", "pwsh", "wscript", "cscript"],
]);

/** Whether a name (see `programName`) is on the built-in list. */
export function isDangerousName(name: string): boolean {
	return DANGEROUS.has(name) || name.startsWith("mkfs.");
}

/** Whether a name (see `programName`) is a shell's. */
export function isShellName(name: string): boolean {
	return SHELLS.has(name);
}
