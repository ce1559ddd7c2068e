/*
 * Every behaviour of a Windows program that the tests need, by its first argument.
 * The others are passed on to what it starts, so that a test finds its own.
 */
#include <windows.h>
#include <shellapi.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *self, *token;

/* Starts this program again; says whose pid it is, or the error. */
static DWORD start(const char *mode, DWORD flags)
{
	STARTUPINFOA info = {.cb = sizeof info};
	PROCESS_INFORMATION made;
	char command[2048];
	snprintf(command, sizeof command, "\"%s\" %s %s", self, mode, token);
	if (!CreateProcessA(NULL, command, NULL, NULL, TRUE, flags, NULL, NULL, &info, &made)) {
		printf("error %lu\n", GetLastError());
		fflush(stdout);
		return 0;
	}
	CloseHandle(made.hThread);
	CloseHandle(made.hProcess);
	return made.dwProcessId;
}

static BOOL WINAPI handle(DWORD event)
{
	printf("event %lu\n", event);
	fflush(stdout);
	ExitProcess(7);
}

static BOOL WINAPI ignore(DWORD event)
{
	(void)event;
	return TRUE;
}

static int wait_for_ever(void)
{
	printf("ready\n");
	fflush(stdout);
	Sleep(INFINITE);
	return 0;
}

static int copy(void)
{
	char buffer[65536];
	int count;
	while ((count = _read(0, buffer, sizeof buffer)) > 0)
		_write(1, buffer, count);
	return 0;
}

static int spin(void)
{
	volatile char *memory = malloc(64 << 20);
	for (int at = 0; at < 64 << 20; at += 4096)
		memory[at] = 1;
	printf("ready\n");
	fflush(stdout);
	for (volatile unsigned long long count = 0;; count++)
		;
}

/* More and more memory, all of it used. */
static int hoard(void)
{
	for (int block = 0; block < 50; block++) {
		memset(malloc(8 << 20), 1, 8 << 20);
		Sleep(20);
	}
	return wait_for_ever();
}

/* Uses the processor for a while. */
static int work(void)
{
	FILETIME made, ended, kernel, user;
	do {
		for (volatile int count = 0; count < 1000000; count++)
			;
		GetProcessTimes(GetCurrentProcess(), &made, &ended, &kernel, &user);
	} while (user.dwLowDateTime < 15000000);
	return 0;
}

/* In UTF-8, whatever the system's code page can't say. */
static int show_arguments(void)
{
	int count;
	WCHAR **arguments = CommandLineToArgvW(GetCommandLineW(), &count);
	for (int index = 2; index < count; index++) {
		char text[4096] = "";
		WideCharToMultiByte(CP_UTF8, 0, arguments[index], -1, text, sizeof text, NULL, NULL);
		printf("[%s]", text);
	}
	printf("\n");
	return 0;
}

static int show_environment(void)
{
	for (char *each = GetEnvironmentStringsA(); *each; each += strlen(each) + 1)
		printf("%s\n", each);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	self = argv[0];
	token = argc > 2 ? argv[2] : "";
	_setmode(_fileno(stdin), _O_BINARY);
	_setmode(_fileno(stdout), _O_BINARY);
	_setmode(_fileno(stderr), _O_BINARY);
	if (!strcmp(mode, "exit"))
		return atoi(token);
	if (!strcmp(mode, "bytes")) {
		for (int byte = 0; byte < 256; byte++) {
			putchar(byte);
			putc(255 - byte, stderr);
		}
		return 0;
	}
	if (!strcmp(mode, "args"))
		return show_arguments();
	if (!strcmp(mode, "env"))
		return show_environment();
	if (!strcmp(mode, "copy"))
		return copy();
	if (!strcmp(mode, "spin"))
		return spin();
	if (!strcmp(mode, "work"))
		return work();
	/* Does not end when asked, nor does its child, which takes memory. */
	if (!strcmp(mode, "hog")) {
		SetConsoleCtrlHandler(ignore, TRUE);
		start("hoard", 0);
		return wait_for_ever();
	}
	if (!strcmp(mode, "hoard")) {
		SetConsoleCtrlHandler(ignore, TRUE);
		return hoard();
	}
	/* Its child uses the processor, for ever or for a while. */
	if (!strcmp(mode, "burn")) {
		start("spin", 0);
		return wait_for_ever();
	}
	if (!strcmp(mode, "employ")) {
		start("work", 0);
		return wait_for_ever();
	}
	if (!strcmp(mode, "crowd")) {
		for (int count = 0; count < 20; count++)
			start("wait", 0);
		return wait_for_ever();
	}
	/* A child, and children of that one. */
	if (!strcmp(mode, "tree")) {
		start("branch", 0);
		return wait_for_ever();
	}
	if (!strcmp(mode, "branch")) {
		start("wait", 0);
		start("stubborn", 0);
		return wait_for_ever();
	}
	/* A child that outlives it. */
	if (!strcmp(mode, "leave")) {
		start("wait", 0);
		return 3;
	}
	/* Its child leaves its own behind at once. */
	if (!strcmp(mode, "leave-twice")) {
		start("leave", 0);
		return wait_for_ever();
	}
	if (!strcmp(mode, "detach")) {
		start("wait", DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
		return wait_for_ever();
	}
	if (!strcmp(mode, "break-away")) {
		start("wait", CREATE_BREAKAWAY_FROM_JOB | DETACHED_PROCESS);
		return wait_for_ever();
	}
	if (!strcmp(mode, "graceful"))
		SetConsoleCtrlHandler(handle, TRUE);
	if (!strcmp(mode, "stubborn"))
		SetConsoleCtrlHandler(ignore, TRUE);
	return wait_for_ever();
}
