/*
 * load: agent applications in a closed loop, cheap enough to keep one core ahead of the server.
 *
 * Each simulated client is what the Telephony Remote Protocol asks it to be: connection A carries
 * its calls of the interface tapsrv; connection B is the one that the server opens back to it for
 * remotesp.  A client attaches (bind, ClientAttach, call-back with bind and RemoteSPAttach),
 * then does Initialize, NegotiateAPIVersion and Open.  From then on it keeps WINDOW CreateAgent
 * requests in flight: one is over when both its acknowledgement (the ClientRequest response on A)
 * and its LINE_REPLY (in a RemoteSPEventProc on B, which it answers) are here.
 *
 * Everything sent in the loop is built before it, but for four numbers.  Nothing sleeps: epoll is
 * polled, so that the generator's own wake-up is no part of the latency.
 *
 *   load --port N [--mode tapsrv|bare|echo] [--clients N] [--window N] [--seconds S] [--warmup S]
 *        [--pid SERVER] [--generated-ids] [--idle] [--sealed] [--sealed-callback]
 *
 * Modes beside tapsrv: "bare" drives bare.py (same bytes, no protocol); "echo" drives an RPC server
 * that answers each ClientRequest and nothing else (no connection B).
 * With --sealed the clients log on by NTLM (ntlm.h) and seal their requests; with --sealed-callback
 * the server does so in its call-backs.  Every signature that comes is verified, and every answer
 * and event unsealed, before it is looked at.
 * With --idle the clients only attach: it prints "attached" and waits for the end of its input.
 * Otherwise one line of JSON is printed.  Exit status 1, with the reason on standard error, as soon
 * as the server does anything but what it should.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ntlm.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* ---- options ---- */

enum mode { TAPSRV, BARE, ECHO };

static enum mode mode = TAPSRV;
static int port = 0, clients = 1, window = 1, serverPID = 0;
static double seconds = 1.0, warmup = 0.3;
static bool idle = false, generatedIDs = false, sealed = false, sealedCallback = false;

/* ---- small things ---- */

/* The ring of requests in flight: a power of two, and the bound of --window. */
enum { RING = 16, BUFFER = 16384, HEADER = 24 };

/* Clients call from 127.0.0.2, .3, ...: more ports, and no limit per address that many share. */
enum { ADDRESSES = 200 };

static _Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static u64 nanoseconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static u64 now(void) { return nanoseconds(CLOCK_MONOTONIC); }

/* Both ends are little-endian, as the PDUs say that they are (packed_drep 10 00 00 00). */
static void put16(u8 *p, u16 v) { memcpy(p, &v, 2); }
static void put32(u8 *p, u32 v) { memcpy(p, &v, 4); }
static u16 get16(const u8 *p) { u16 v; memcpy(&v, p, 2); return v; }
static u32 get32(const u8 *p) { u32 v; memcpy(&v, p, 4); return v; }

/* ---- what the machine says about time spent ---- */

/* CPU time of all threads of the server, in nanoseconds. */
static u64 serverTime(void)
{
    char path[300];
    u64 total = 0;
    snprintf(path, sizeof path, "/proc/%d/task", serverPID);
    DIR *tasks = serverPID ? opendir(path) : NULL;
    if (!tasks)
        return 0;
    for (struct dirent *task; (task = readdir(tasks));) {
        unsigned long long spent = 0;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", serverPID, task->d_name);
        FILE *f = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!f)
            continue;
        if (fscanf(f, "%llu", &spent) == 1)
            total += spent;
        fclose(f);
    }
    closedir(tasks);
    return total;
}

/* Time that all cores were not idle, in nanoseconds (a tick's resolution). */
static u64 machineTime(void)
{
    unsigned long long user, nice, system, none, wait, irq, softirq, steal;
    FILE *f = fopen("/proc/stat", "r");
    if (!f || fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &none,
                     &wait, &irq, &softirq, &steal) != 8)
        fail("/proc/stat cannot be read");
    fclose(f);
    return (user + nice + system + irq + softirq + steal) * (1000000000ull / sysconf(_SC_CLK_TCK));
}

/* ---- clients ---- */

struct client {
    int a, b;               /* tapsrv and remotesp connections */
    struct security key[2]; /* of A and B, where they are sealed */
    u8 context[20];         /* PCONTEXT_HANDLE_TYPE from ClientAttach */
    u32 hLine, callID;
    u32 sent, acknowledged, completed;
    u64 sentAt[RING];
    u32 acknowledgedID[RING], completedID[RING];
    u8 in[2][BUFFER];       /* what has come on A and B and is no whole PDU yet */
    int inLength[2];
};

static struct client *client;
static int listener;

/* ---- figures ---- */

enum { MOST_LATENCIES = 8000000 };

static bool measuring;
static u64 requests, eventCalls;
static u32 *latency;        /* in units of 100 ns */
static u64 latencies;
static int acknowledgementSize, eventProcSize, requestSize, createAgentSize;

/* ---- PDUs: [C706] 12.6.4, with the values seen from a real MS-RPC runtime ---- */

enum { REQUEST = 0, RESPONSE = 2, FAULT = 3, BIND = 11, BIND_ACK = 12, AUTH3 = 16 };
enum { SUPPORT_HEADER_SIGN = 4, TRAILER = 8, SIGNATURE = 16 };

/* sec_trailer: RPC_C_AUTHN_WINNT, RPC_C_AUTHN_LEVEL_PKT_PRIVACY, no padding, context 1 */
static const u8 SEC_TRAILER[TRAILER] = {10, 6, 0, 0, 1};

static const u8 TAPSRV_SYNTAX[20] = {
    0x20, 0x65, 0x5f, 0x2f, 0x46, 0xca, 0x67, 0x10, 0xb3, 0x19, 0x00, 0xdd, 0x01, 0x06, 0x62, 0xda, 1};
static const u8 NDR_SYNTAX[20] = {
    0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 2};

static void header(u8 *pdu, int type, int length, u32 callID)
{
    memset(pdu, 0, HEADER);
    pdu[0] = 5;
    pdu[2] = type;
    pdu[3] = 3; /* first and last fragment */
    pdu[4] = 0x10;
    put16(pdu + 8, length);
    put32(pdu + 12, callID);
}

/* A request PDU around a stub that is in its place already. */
static int request(u8 *pdu, int opnum, int stubLength, u32 callID)
{
    header(pdu, REQUEST, HEADER + stubLength, callID);
    put32(pdu + 16, stubLength);
    put16(pdu + 22, opnum);
    return HEADER + stubLength;
}

/* A verifier at the end of a PDU of this length whose token is in its place: a leg of a logon. */
static int leg(u8 *pdu, int length, int tokenSize)
{
    memcpy(pdu + length, SEC_TRAILER, TRAILER);
    pdu[3] |= pdu[2] == AUTH3 ? 0 : SUPPORT_HEADER_SIGN;
    put16(pdu + 8, length + TRAILER + tokenSize);
    put16(pdu + 10, tokenSize);
    return length + TRAILER + tokenSize;
}

/* Where the token of such a PDU is. */
static const u8 *tokenOf(const u8 *pdu, int length, int *size)
{
    *size = get16(pdu + 10);
    if (*size > length - 16 - TRAILER || !*size)
        fail("a PDU of type %d where a logon should go on: %d octets of token", pdu[2], *size);
    return pdu + length - *size;
}

/* Seal a request or a response; returns its new length. */
static int protect(struct direction *way, u8 *pdu, int length)
{
    int padding = -(length - HEADER) & 15, size = length - HEADER + padding;
    memset(pdu + length, 0, padding);
    u8 *trailer = pdu + HEADER + size;
    memcpy(trailer, SEC_TRAILER, TRAILER);
    trailer[2] = padding;
    length = HEADER + size + TRAILER + SIGNATURE;
    put16(pdu + 8, length);
    put16(pdu + 10, SIGNATURE);
    sealPDU(way, pdu, HEADER, size);
    return length;
}

/* Verify and unseal; returns the length that it has without what sealing added. */
static int unprotect(struct direction *way, u8 *pdu, int length)
{
    int size = length - HEADER - TRAILER - SIGNATURE;
    if (pdu[2] == FAULT)
        fail("a fault, status %08x", get32(pdu + 24));
    if (get16(pdu + 10) != SIGNATURE || size < 0)
        fail("a PDU of type %d that is not sealed", pdu[2]);
    unsealPDU(way, pdu, HEADER, size);
    u8 *trailer = pdu + HEADER + size;
    if (trailer[0] != SEC_TRAILER[0] || trailer[1] != SEC_TRAILER[1] || trailer[2] > size)
        fail("a PDU with provider %d, level %d, %d octets of padding", trailer[0], trailer[1],
             trailer[2]);
    return HEADER + size - trailer[2];
}

static void sendAll(int fd, const u8 *data, int length)
{
    /* Every send is small beside a socket's buffer: a short one means that the peer stopped. */
    if (send(fd, data, length, MSG_NOSIGNAL) != length)
        fail("a send of %d bytes did not go out whole: %m", length);
}

/* ---- set-up: blocking, one client after the other ---- */

static int receivePDU(int fd, u8 *pdu, int type)
{
    int have = 0, length = 16;
    while (have < length) {
        int got = recv(fd, pdu + have, length - have, 0);
        if (got <= 0)
            fail("no answer during set-up: %m");
        have += got;
        if (have >= 16 && (length = get16(pdu + 8)) > BUFFER)
            fail("a PDU of %d bytes", length);
    }
    if (pdu[2] != type)
        fail("a PDU of type %d where %d was due; status %08x", pdu[2], type, get32(pdu + 24));
    return length;
}

static void bindTapsrv(struct client *c, u8 *pdu)
{
    header(pdu, BIND, 72, c->callID++);
    put16(pdu + 16, 5840);
    put16(pdu + 18, 5840);
    put32(pdu + 24, 1);       /* one presentation context */
    put32(pdu + 28, 1 << 16); /* number 0, with one transfer syntax */
    memcpy(pdu + 32, TAPSRV_SYNTAX, 20);
    memcpy(pdu + 52, NDR_SYNTAX, 20);
    if (!sealed) {
        sendAll(c->a, pdu, 72);
        receivePDU(c->a, pdu, BIND_ACK);
        return;
    }
    struct logon logon;
    u8 chance[24], challenge[BUFFER];
    if (getentropy(chance, sizeof chance))
        fail("no random octets: %m");
    sendAll(c->a, pdu, leg(pdu, 72, negotiateMessage(&logon, pdu + 72 + TRAILER)));
    int size, length = receivePDU(c->a, challenge, BIND_ACK);
    const u8 *token = tokenOf(challenge, length, &size);
    header(pdu, AUTH3, 0, c->callID - 1);
    sendAll(c->a, pdu, leg(pdu, 20, authenticateMessage(&logon, token, size, chance,
                                                        pdu + 20 + TRAILER, &c->key[0])));
}

static void sendRequest(struct client *c, u8 *pdu, int length)
{
    sendAll(c->a, pdu, sealed ? protect(&c->key[0].out, pdu, length) : length);
}

static void receiveResponse(struct client *c, u8 *pdu)
{
    int length = receivePDU(c->a, pdu, RESPONSE);
    if (sealed)
        unprotect(&c->key[0].in, pdu, length);
}

/* A conformant varying string of wide characters; returns where the next thing goes. */
static u8 *wideString(u8 *p, const char *text)
{
    u32 length = strlen(text) + 1;
    put32(p, length);
    put32(p + 4, 0);
    put32(p + 8, length);
    p += 12;
    for (u32 i = 0; i < length; i++, p += 2)
        put16(p, text[i]);
    return p;
}

static void sendAttach(struct client *c, u8 *pdu)
{
    char machine[64];
    struct sockaddr_in here;
    socklen_t size = sizeof here;
    getsockname(listener, (void *)&here, &size);
    snprintf(machine, sizeof machine, "BENCH\"ncacn_ip_tcp\"%d\"", ntohs(here.sin_port));
    u8 *stub = pdu + HEADER, *p = stub;
    put32(p, 0xffffffff); /* lProcessID: an ordinary client */
    p = wideString(p + 4, "bench");
    while ((p - stub) % 4)
        *p++ = 0;
    p = wideString(p, machine);
    sendRequest(c, pdu, request(pdu, 0, p - stub, c->callID++));
}

/* The client's own remotesp: accept the server's connection, its bind and its RemoteSPAttach. */
static void acceptCallBack(struct client *c, u8 *pdu)
{
    struct logon logon;
    u8 chance[8], token[MOST_TOKEN];
    int tokenSize = 0, length = receivePDU(c->b, pdu, BIND);
    u32 callID = get32(pdu + 12);
    if (getentropy(chance, sizeof chance))
        fail("no random octets: %m");
    if (sealedCallback) {
        const u8 *theirs = tokenOf(pdu, length, &tokenSize);
        tokenSize = challengeMessage(&logon, theirs, tokenSize, chance, token);
    }
    header(pdu, BIND_ACK, 56, callID);
    put16(pdu + 16, 5840);
    put16(pdu + 18, 5840);
    put32(pdu + 20, 0x1234); /* association group */
    put32(pdu + 24, 0);      /* no secondary address, and padding */
    put32(pdu + 28, 1);      /* one result: accepted */
    put32(pdu + 32, 0);
    memcpy(pdu + 36, NDR_SYNTAX, 20);
    if (sealedCallback) {
        memcpy(pdu + 56 + TRAILER, token, tokenSize);
        sendAll(c->b, pdu, leg(pdu, 56, tokenSize));
        length = receivePDU(c->b, pdu, AUTH3);
        const u8 *theirs = tokenOf(pdu, length, &tokenSize);
        verifyAuthenticate(&logon, theirs, tokenSize, &c->key[1]);
    } else
        sendAll(c->b, pdu, 56);

    length = receivePDU(c->b, pdu, REQUEST);
    if (sealedCallback)
        unprotect(&c->key[1].in, pdu, length);
    header(pdu, RESPONSE, 48, get32(pdu + 12));
    put32(pdu + 16, 24);
    memset(pdu + 24, 0, 24); /* attributes, uuid, return value */
    memcpy(pdu + 28, "remotesp-of-load", 16);
    sendAll(c->b, pdu, sealedCallback ? protect(&c->key[1].out, pdu, 48) : 48);
}

/* Wrap pBuffer, which lies at pdu + 56, in a ClientRequest. */
static int clientRequest(struct client *c, u8 *pdu, u32 length)
{
    u8 *stub = pdu + HEADER;
    memcpy(stub, c->context, 20);
    put32(stub + 20, length);
    put32(stub + 24, 0);
    put32(stub + 28, length);
    put32(stub + 32 + length, length);     /* lNeededSize */
    put32(stub + 32 + length + 4, length); /* *plUsedSize */
    return request(pdu, 1, 32 + length + 8, c->callID++);
}

/* One synchronous TAPI request; afterwards the answer's fifteen DWORDs are at the returned place. */
static u8 *ask(struct client *c, u8 *pdu, u32 length, const char *name)
{
    sendRequest(c, pdu, clientRequest(c, pdu, length));
    receiveResponse(c, pdu);
    if (get32(pdu + 36))
        fail("%s is answered %08x", name, get32(pdu + 36));
    return pdu + 36;
}

enum { INITIALIZE = 47, NEGOTIATE_API_VERSION = 52, OPEN = 54, CREATE_AGENT = 146 };
enum { NO_DATA = 0xffffffff, TAPI_1_3 = 0x10003, TAPI_2_2 = 0x20002 };

static void openLine(struct client *c, u8 *pdu)
{
    u8 *q = pdu + 56;
    memset(q, 0, 200);
    put32(q, INITIALIZE);
    put32(q + 16, 0x1111); /* InitContext */
    put32(q + 32, TAPI_2_2);
    for (int i = 0; i < 5; i++)
        put16(q + 60 + 2 * i, "bench"[i]); /* both names, at offset 0 */
    u32 hLineApp = get32(ask(c, pdu, 72, "Initialize") + 8);

    memset(q, 0, 200);
    put32(q, NEGOTIATE_API_VERSION);
    put32(q + 8, hLineApp);
    put32(q + 16, TAPI_1_3);
    put32(q + 20, TAPI_2_2);
    put32(q + 24, NO_DATA);
    put32(q + 28, NO_DATA);
    put32(q + 32, 16); /* room for a LINEEXTENSIONID */
    u32 version = get32(ask(c, pdu, 76, "NegotiateAPIVersion") + 24);

    memset(q, 0, 200);
    put32(q, OPEN);
    put32(q + 8, hLineApp);
    put32(q + 20, version);
    put32(q + 28, 0x2222); /* OpenContext */
    put32(q + 32, 1);      /* LINECALLPRIVILEGE_NONE */
    put32(q + 40, NO_DATA);
    put32(q + 48, NO_DATA);
    c->hLine = get32(ask(c, pdu, 60, "Open") + 16);
}

static int callTo(int number, int serverPort)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr =
                               htonl(INADDR_LOOPBACK + 1 + number % ADDRESSES)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(serverPort),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (fd < 0 || bind(fd, (void *)&from, sizeof from) || connect(fd, (void *)&to, sizeof to))
        fail("client %d cannot connect to port %d: %m", number, serverPort);
    return fd;
}

/* While a client is set up, its sockets block, for a time that no server in order needs. */
static int patient(int fd)
{
    struct timeval limit = {.tv_sec = 10};
    int one = 1; /* an auth3 has no answer that the next send could wait for */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
        fail("socket options: %m");
    return fd;
}

static void ready(int fd)
{
    if (fcntl(fd, F_SETFL, O_NONBLOCK))
        fail("socket options: %m");
}

static void attach(int number)
{
    static u8 pdu[BUFFER];
    struct client *c = client + number;
    c->callID = 1;
    c->b = -1;
    c->a = patient(callTo(number, port));
    if (mode == BARE) {
        /* bare.py needs one thing to call back: the port, in the word behind the header. */
        struct sockaddr_in here;
        socklen_t size = sizeof here;
        getsockname(listener, (void *)&here, &size);
        header(pdu, REQUEST, HEADER, 1);
        put32(pdu + 16, ntohs(here.sin_port));
        sendAll(c->a, pdu, HEADER);
    } else {
        bindTapsrv(c, pdu);
        if (mode == TAPSRV)
            sendAttach(c, pdu);
    }
    if (mode != ECHO) {
        c->b = accept(listener, NULL, NULL);
        if (c->b < 0)
            fail("no call-back: %m");
        patient(c->b);
    }
    if (mode == BARE)
        receivePDU(c->b, pdu, REQUEST);
    if (mode == TAPSRV) {
        acceptCallBack(c, pdu);
        receiveResponse(c, pdu);
        if (get32(pdu + 48))
            fail("ClientAttach is answered %08x", get32(pdu + 48));
        memcpy(c->context, pdu + 24, 20);
        openLine(c, pdu);
    }
    ready(c->a);
    if (c->b >= 0)
        ready(c->b);
}

/* ---- the loop ---- */

static u8 createAgent[512];

static void buildCreateAgent(void)
{
    u8 *q = createAgent + 56;
    put32(q, CREATE_AGENT);
    put32(q + 12, 0x3333); /* lpContext; dwRequestID and hLine are put in for each */
    put32(q + 20, 0);      /* lpszAgentID and lpszAgentPIN: offsets in VarData */
    put32(q + 24, 20);
    put32(q + 28, 0x4444); /* lphAgentContext */
    const char *agent = "1001", *pin = "1234";
    for (int i = 0; i < 4; i++) {
        put16(q + 60 + 2 * i, agent[i]);
        put16(q + 80 + 2 * i, pin[i]);
    }
    struct client nobody = {0};
    createAgentSize = clientRequest(&nobody, createAgent, 60 + 32);
}

/* Fill the window again, with one send. */
static void sendRequests(struct client *c)
{
    u8 out[RING * sizeof createAgent];
    u32 over = mode == ECHO || c->acknowledged < c->completed ? c->acknowledged : c->completed;
    u64 t = 0;
    int length = 0;
    for (; c->sent - over < (u32)window; c->sent++, length += requestSize) {
        u8 *pdu = out + length;
        memcpy(pdu, createAgent, createAgentSize);
        put32(pdu + 12, c->callID++);
        memcpy(pdu + HEADER, c->context, 20);
        put32(pdu + 56 + 8, generatedIDs ? 0 : (c->sent & 0x3fffffff) + 1); /* dwRequestID */
        put32(pdu + 56 + 16, c->hLine);
        requestSize = sealed ? protect(&c->key[0].out, pdu, createAgentSize) : createAgentSize;
        c->sentAt[c->sent % RING] = t ? t : (t = now());
    }
    if (length)
        sendAll(c->a, out, length);
}

/* Once both halves of a request are here, they must name the same request ID. */
static void check(struct client *c, u32 which)
{
    u32 slot = which % RING;
    if (mode != TAPSRV || which >= c->acknowledged || which >= c->completed)
        return;
    if (c->acknowledgedID[slot] != c->completedID[slot])
        fail("request %u: acknowledged as %x, completed as %x", which, c->acknowledgedID[slot],
             c->completedID[slot]);
}

static void finish(struct client *c, u32 which, u64 t)
{
    if (!measuring)
        return;
    requests++;
    if (latencies < MOST_LATENCIES)
        latency[latencies++] = (t - c->sentAt[which % RING]) / 100;
}

static void acknowledgement(struct client *c, const u8 *pdu)
{
    u32 which = c->acknowledged++;
    if (pdu[2] != RESPONSE)
        fail("a ClientRequest is answered by a PDU of type %d, status %08x", pdu[2], get32(pdu + 24));
    if (mode == TAPSRV) {
        c->acknowledgedID[which % RING] = get32(pdu + 36);
        if ((int32_t)get32(pdu + 36) <= 0)
            fail("CreateAgent is refused: %08x", get32(pdu + 36));
    }
    if (mode == ECHO)
        finish(c, which, now());
    check(c, which);
}

/* A RemoteSPEventProc: a list of ASYNCEVENTMSG ([MS-TRP] 2.2.5.1); other events may stand among. */
static void eventProc(struct client *c, const u8 *pdu, int length)
{
    const u8 *event = pdu + 56, *end = event + get32(pdu + 52);
    u64 t = now();
    if (pdu[2] != REQUEST || end > pdu + length)
        fail("no RemoteSPEventProc: type %d, %d bytes", pdu[2], length);
    if (measuring)
        eventCalls++;
    if (mode == BARE) {
        finish(c, c->completed++, t);
        return;
    }
    while (event < end) {
        u32 size = get32(event);
        if (size < 40 || size > (u32)(end - event))
            fail("an event of %u bytes", size);
        if (get32(event + 16) == 12) { /* LINE_REPLY: dwRequestID, Result */
            u32 which = c->completed++;
            c->completedID[which % RING] = get32(event + 24);
            if (get32(event + 28))
                fail("CreateAgent fails: %08x", get32(event + 28));
            finish(c, which, t);
            check(c, which);
        }
        event += size;
    }
}

static void receive(struct client *c, int onB)
{
    int fd = onB ? c->b : c->a, *have = &c->inLength[onB], start = 0;
    u8 *in = c->in[onB], answers[BUFFER];
    int answered = 0, got = recv(fd, in + *have, BUFFER - *have, 0);
    if (got <= 0)
        fail("the server ended a connection of client %d (%s)", (int)(c - client), onB ? "B" : "A");
    *have += got;
    while (*have - start >= 16) {
        u8 *pdu = in + start;
        int length = get16(pdu + 8);
        if (length < HEADER || length > BUFFER)
            fail("a PDU of %d bytes", length);
        if (*have - start < length)
            break;
        if (onB) {
            eventProcSize = length;
            eventProc(c, pdu, sealedCallback ? unprotect(&c->key[1].in, pdu, length) : length);
            header(answers + answered, RESPONSE, HEADER, get32(pdu + 12));
            answered += sealedCallback ? protect(&c->key[1].out, answers + answered, HEADER) : HEADER;
        } else {
            acknowledgementSize = length;
            if (sealed)
                unprotect(&c->key[0].in, pdu, length);
            acknowledgement(c, pdu);
        }
        start += length;
    }
    if (answered)
        sendAll(fd, answers, answered);
    memmove(in, in + start, *have - start);
    *have -= start;
    sendRequests(c);
}

static int byValue(const void *a, const void *b)
{
    u32 x = *(const u32 *)a, y = *(const u32 *)b;
    return (x > y) - (x < y);
}

static double percentile(double share)
{
    return latencies ? latency[(u64)((latencies - 1) * share)] / 10.0 : 0;
}

static void run(int poll)
{
    struct epoll_event events[512];
    u64 begin = now() + (u64)(warmup * 1e9), end = 0;
    u64 started = 0, server = 0, machine = 0, self = 0, idleTime = 0, last = now();
    for (int i = 0; i < clients; i++)
        sendRequests(client + i);
    for (;;) {
        int n = epoll_wait(poll, events, 512, 0);
        u64 t = now();
        if (!n && measuring)
            idleTime += t - last;
        if (!measuring && t >= begin) {
            measuring = true;
            server = serverTime();
            machine = machineTime();
            self = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
            started = now();
            /* From here, not from the beginning: a generator that was kept waiting is not short. */
            end = started + (u64)(seconds * 1e9);
        }
        if (measuring && t >= end)
            break;
        for (int i = 0; i < n; i++)
            receive(client + events[i].data.u64 / 2, events[i].data.u64 % 2);
        last = now();
    }
    double elapsed = now() - started;
    server = serverTime() - server;
    machine = machineTime() - machine;
    self = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - self;
    if (!requests)
        fail("no request was completed in %.1f s", seconds);
    qsort(latency, latencies, sizeof *latency, byValue);
    printf("{\"rate\": %.1f, \"cpu_us\": %.3f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f,"
           " \"server_busy\": %.3f, \"load_idle\": %.3f, \"foreign\": %.3f,"
           " \"events_per_call\": %.3f, \"request_bytes\": %d, \"ack_bytes\": %d,"
           " \"event_bytes\": %d, \"requests\": %lu}\n",
           requests / elapsed * 1e9, (double)server / requests / 1e3, percentile(0.5),
           percentile(0.99), percentile(1.0), server / elapsed, idleTime / elapsed,
           ((double)machine - server - self) / elapsed,
           eventCalls ? (double)requests / eventCalls : 0.0, requestSize, acknowledgementSize,
           eventProcSize, (unsigned long)requests);
}

static void options(int count, char **words)
{
    static const struct option known[] = {
        {"port", 1, 0, 'p'},    {"mode", 1, 0, 'm'},   {"clients", 1, 0, 'c'},
        {"window", 1, 0, 'w'},  {"seconds", 1, 0, 's'}, {"warmup", 1, 0, 'u'},
        {"pid", 1, 0, 'P'},     {"generated-ids", 0, 0, 'g'}, {"idle", 0, 0, 'i'},
        {"sealed", 0, 0, 'S'},  {"sealed-callback", 0, 0, 'B'}, {0}};
    for (int o; (o = getopt_long(count, words, "", known, NULL)) != -1;) {
        switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'c': clients = atoi(optarg); break;
        case 'w': window = atoi(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'u': warmup = atof(optarg); break;
        case 'P': serverPID = atoi(optarg); break;
        case 'g': generatedIDs = true; break;
        case 'i': idle = true; break;
        case 'S': sealed = true; break;
        case 'B': sealedCallback = true; break;
        case 'm':
            mode = !strcmp(optarg, "bare") ? BARE : !strcmp(optarg, "echo") ? ECHO : TAPSRV;
            break;
        default: exit(2);
        }
    }
    if (port <= 0 || clients < 1 || window < 1 || window > RING)
        fail("needed: --port, at least one client, a window from 1 to %d", RING);
}

int main(int count, char **words)
{
    options(count, words);
    client = calloc(clients, sizeof *client);
    latency = malloc(MOST_LATENCIES * sizeof *latency);
    buildCreateAgent();
    struct sockaddr_in any = {.sin_family = AF_INET};
    listener = patient(socket(AF_INET, SOCK_STREAM, 0));
    if (bind(listener, (void *)&any, sizeof any) || listen(listener, 100))
        fail("no listener for call-backs: %m");
    int poll = epoll_create1(0);
    for (int i = 0; i < clients; i++) {
        attach(i);
        struct epoll_event e = {.events = EPOLLIN, .data.u64 = 2 * i};
        epoll_ctl(poll, EPOLL_CTL_ADD, client[i].a, &e);
        e.data.u64++;
        if (client[i].b >= 0)
            epoll_ctl(poll, EPOLL_CTL_ADD, client[i].b, &e);
    }
    if (idle) {
        char c;
        puts("attached");
        fflush(stdout);
        return read(0, &c, 1) < 0;
    }
    run(poll);
    return 0;
}
