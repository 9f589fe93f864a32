/*
 * NTLM as load.c needs it: both sides of a logon at PKT_PRIVACY, and what they make of its key.
 *
 * One account, one password, whose NT hash stands here; NTLMv2 with its MIC, 128 bits and key
 * exchange ([MS-NLMP] 3.1.5, 3.2.5 and 3.4).  Whatever is not as it should be ends the program: the
 * server's proof of the password, its MIC, and each signature.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static _Noreturn void fail(const char *format, ...);

/* The account: "bench" of no domain, and MD4 of its password, and of the server's, in UTF-16. */
static const char ACCOUNT[] = "bench";
static const uint8_t NT_HASH[16] = {0x79, 0xd5, 0x3f, 0x1f, 0x56, 0x4a, 0xa9, 0x78,
                                     0xe5, 0xa5, 0xff, 0xea, 0xe2, 0xcc, 0x12, 0xc3};

/* ---- MD5 (RFC 1321), HMAC (RFC 2104), RC4 ---- */

struct md5 {
    uint32_t state[4];
    uint64_t length;
    uint8_t block[64];
};

static uint32_t md5Table[64];

static void md5Start(struct md5 *h)
{
    if (!md5Table[0])
        for (int i = 0; i < 64; i++)
            md5Table[i] = (uint32_t)floor(fabs(sin(i + 1)) * 4294967296.0);
    static const uint32_t begin[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    memcpy(h->state, begin, sizeof begin);
    h->length = 0;
}

static void md5Block(uint32_t *state, const uint8_t *octets)
{
    static const uint8_t shift[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], word[16];
    memcpy(word, octets, 64);
    for (int i = 0; i < 64; i++) {
        uint32_t f;
        int which;
        switch (i / 16) {
        case 0: f = (b & c) | (~b & d), which = i; break;
        case 1: f = (d & b) | (~d & c), which = 5 * i + 1; break;
        case 2: f = b ^ c ^ d, which = 3 * i + 5; break;
        default: f = c ^ (b | ~d), which = 7 * i;
        }
        f += a + md5Table[i] + word[which % 16];
        a = d, d = c, c = b;
        int by = shift[i / 16][i % 4];
        b += f << by | f >> (32 - by);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

static void md5Add(struct md5 *h, const void *octets, size_t size)
{
    const uint8_t *p = octets;
    while (size) {
        size_t have = h->length % 64, part = 64 - have < size ? 64 - have : size;
        memcpy(h->block + have, p, part);
        h->length += part, p += part, size -= part;
        if (h->length % 64 == 0)
            md5Block(h->state, h->block);
    }
}

static void md5End(struct md5 *h, uint8_t *digest)
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = h->length * 8;
    md5Add(h, padding, 1 + (119 - h->length % 64) % 64);
    md5Add(h, &bits, 8);
    memcpy(digest, h->state, 16);
}

/* A key as HMAC begins with it, so that a message costs no block for the key. */
struct hmac {
    struct md5 inner, outer;
};

static void hmacKey(struct hmac *key, const uint8_t *octets)
{
    uint8_t in[64], out[64];
    memset(in, 0x36, 64), memset(out, 0x5c, 64);
    for (int i = 0; i < 16; i++)
        in[i] ^= octets[i], out[i] ^= octets[i];
    md5Start(&key->inner), md5Add(&key->inner, in, 64);
    md5Start(&key->outer), md5Add(&key->outer, out, 64);
}

/* Of up to four pieces; the list ends with a piece of no octets' address. */
struct piece {
    const void *octets;
    size_t size;
};

static void hmacOf(const struct hmac *key, const struct piece *piece, uint8_t *digest)
{
    struct md5 h = key->inner;
    for (; piece->octets; piece++)
        md5Add(&h, piece->octets, piece->size);
    md5End(&h, digest);
    h = key->outer;
    md5Add(&h, digest, 16);
    md5End(&h, digest);
}

static void hmacOnce(const uint8_t *key, const struct piece *piece, uint8_t *digest)
{
    struct hmac made;
    hmacKey(&made, key);
    hmacOf(&made, piece, digest);
}

struct rc4 {
    uint8_t box[256], i, j;
};

static void rc4Key(struct rc4 *stream, const uint8_t *key)
{
    uint8_t j = 0;
    stream->i = stream->j = 0;
    for (int i = 0; i < 256; i++)
        stream->box[i] = i;
    for (int i = 0; i < 256; i++) {
        uint8_t other = stream->box[i];
        j += other + key[i % 16];
        stream->box[i] = stream->box[j];
        stream->box[j] = other;
    }
}

static void rc4Change(struct rc4 *stream, uint8_t *octets, size_t size)
{
    uint8_t i = stream->i, j = stream->j, *box = stream->box;
    for (; size; size--, octets++) {
        uint8_t one = box[++i], other = box[j += one];
        box[i] = other, box[j] = one;
        *octets ^= box[(uint8_t)(one + other)];
    }
    stream->i = i, stream->j = j;
}

/* ---- what is sent under a key: [MS-NLMP] 3.4 ---- */

struct direction {
    struct rc4 stream;
    struct hmac signing;
    uint32_t number;
};

static void directionKey(struct direction *way, const uint8_t *key, const char *name)
{
    char magic[80];
    uint8_t digest[16];
    for (int sealing = 0; sealing < 2; sealing++) {
        struct md5 h;
        md5Start(&h);
        md5Add(&h, key, 16);
        snprintf(magic, sizeof magic, "session key to %s %s key magic constant", name,
                 sealing ? "sealing" : "signing");
        md5Add(&h, magic, strlen(magic) + 1);
        md5End(&h, digest);
        if (sealing)
            rc4Key(&way->stream, digest);
        else
            hmacKey(&way->signing, digest);
    }
    way->number = 0;
}

static void signature(struct direction *way, const uint8_t *head, size_t headSize,
                      const uint8_t *body, size_t size, const uint8_t *trailer, uint8_t *digest)
{
    struct piece all[] = {{&way->number, 4}, {head, headSize}, {body, size}, {trailer, 8}, {0, 0}};
    hmacOf(&way->signing, all, digest);
}

/* A PDU of a head, a body and a sec_trailer; its signature goes behind them. */
static void sealPDU(struct direction *way, uint8_t *pdu, size_t headSize, size_t size)
{
    static const uint8_t version[4] = {1};
    uint8_t *body = pdu + headSize, *trailer = body + size, *token = trailer + 8, digest[16];
    signature(way, pdu, headSize, body, size, trailer, digest);
    rc4Change(&way->stream, body, size);
    rc4Change(&way->stream, digest, 8);
    memcpy(token, version, 4);
    memcpy(token + 4, digest, 8);
    memcpy(token + 12, &way->number, 4);
    way->number++;
}

static void unsealPDU(struct direction *way, uint8_t *pdu, size_t headSize, size_t size)
{
    uint8_t *body = pdu + headSize, *trailer = body + size, *token = trailer + 8, digest[16];
    rc4Change(&way->stream, body, size);
    rc4Change(&way->stream, token + 4, 8);
    signature(way, pdu, headSize, body, size, trailer, digest);
    if (memcmp(token, "\1\0\0", 4) || memcmp(token + 4, digest, 8) ||
        memcmp(token + 12, &way->number, 4))
        fail("signature %u of a PDU of %zu octets is wrong", way->number,
             headSize + size + 8 + 16);
    way->number++;
}

/* ---- the messages: [MS-NLMP] 2.2.1 ---- */

enum {
    /* UNICODE, REQUEST_TARGET, SIGN, SEAL, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY, TARGET_INFO,
       VERSION, 128, KEY_EXCH */
    FLAGS = 0x62888235,
    MOST_TOKEN = 1024,
};

/* One logon, and both directions when it is over. */
struct logon {
    uint8_t negotiate[MOST_TOKEN], challenge[MOST_TOKEN];
    int negotiateSize, challengeSize;
};

struct security {
    struct direction out, in;
};

static uint32_t word(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, 4);
    return value;
}

static void putWord(uint8_t *p, uint32_t value) { memcpy(p, &value, 4); }

static int putWide(uint8_t *p, const char *text)
{
    int size = 0;
    for (; *text; text++, size += 2)
        p[size] = *text, p[size + 1] = 0;
    return size;
}

/* A field of a message: length, room, offset. */
static int putField(uint8_t *message, int field, const void *octets, int size, int at)
{
    putWord(message + field, size | size << 16);
    putWord(message + field + 4, at);
    memcpy(message + at, octets, size);
    return at + size;
}

static const uint8_t *fieldOf(const uint8_t *message, int size, int field, int *length)
{
    uint32_t at = word(message + field + 4);
    *length = word(message + field) & 0xffff;
    if (at > (uint32_t)size || *length > size - (int)at)
        fail("an NTLM message whose field at %d leaves it", field);
    return message + at;
}

static void startMessage(uint8_t *message, int type, int size)
{
    memset(message, 0, size);
    memcpy(message, "NTLMSSP", 8);
    message[8] = type;
}

static void expect(const uint8_t *message, int size, int type, int least)
{
    if (size < least || size > MOST_TOKEN || memcmp(message, "NTLMSSP", 8) || message[8] != type)
        fail("%d octets that are no NTLM message of type %d", size, type);
}

static void putVersion(uint8_t *p) { p[0] = 10, p[7] = 15; }

static int negotiateMessage(struct logon *logon, uint8_t *token)
{
    startMessage(token, 1, 40);
    putWord(token + 12, FLAGS);
    putVersion(token + 32);
    memcpy(logon->negotiate, token, logon->negotiateSize = 40);
    return 40;
}

/* ResponseKeyNT, NTProofStr and SessionBaseKey of a blob that stands behind the proof. */
static void prove(const uint8_t *name, int nameSize, const uint8_t *serverChallenge,
                  const uint8_t *response, int size, uint8_t *proof, uint8_t *key)
{
    uint8_t responseKey[16];
    hmacOnce(NT_HASH, (struct piece[]){{name, nameSize}, {0, 0}}, responseKey);
    hmacOnce(responseKey,
             (struct piece[]){{serverChallenge, 8}, {response + 16, size - 16}, {0, 0}}, proof);
    hmacOnce(responseKey, (struct piece[]){{proof, 16}, {0, 0}}, key);
}

static void directions(struct security *made, const uint8_t *key, bool client)
{
    directionKey(&made->out, key, client ? "client-to-server" : "server-to-client");
    directionKey(&made->in, key, client ? "server-to-client" : "client-to-server");
}

static void messageMIC(const struct logon *logon, const uint8_t *key, const uint8_t *token, int size,
                       uint8_t *mic)
{
    hmacOnce(key,
             (struct piece[]){{logon->negotiate, logon->negotiateSize},
                              {logon->challenge, logon->challengeSize}, {token, size}, {0, 0}},
             mic);
}

/* The answer to a challenge; both directions are keyed then. */
static int authenticateMessage(struct logon *logon, const uint8_t *challenge, int challengeSize,
                               const uint8_t *chance, uint8_t *token, struct security *made)
{
    static const uint8_t withMIC[8] = {6, 0, 4, 0, 2}; /* MsvAvFlags: MIC_PROVIDED */
    uint8_t response[MOST_TOKEN] = {0}, proof[16], baseKey[16], key[16], sent[16], user[32], name[32];
    char large[sizeof ACCOUNT];
    int infoSize, size = 16;
    expect(challenge, challengeSize, 2, 48);
    const uint8_t *info = fieldOf(challenge, challengeSize, 40, &infoSize);
    if (infoSize < 4 || infoSize > MOST_TOKEN - 80)
        fail("a challenge with %d octets of AvPairs", infoSize);
    memcpy(logon->challenge, challenge, logon->challengeSize = challengeSize);

    response[size] = response[size + 1] = 1;
    for (int at = 0; at + 12 <= infoSize; at += 4 + (word(info + at) >> 16))
        if ((word(info + at) & 0xffff) == 7) /* MsvAvTimestamp */
            memcpy(response + size + 8, info + at + 4, 8);
    memcpy(response + size + 16, chance, 8);
    size += 28;
    memcpy(response + size, info, infoSize - 4); /* all but MsvAvEOL */
    size += infoSize - 4;
    memcpy(response + size, withMIC, 8);
    size += 8 + 4 + 4; /* MsvAvEOL, and four octets that mean nothing */

    for (size_t i = 0; i < sizeof ACCOUNT; i++)
        large[i] = ACCOUNT[i] >= 'a' && ACCOUNT[i] <= 'z' ? ACCOUNT[i] - 32 : ACCOUNT[i];
    prove(name, putWide(name, large), challenge + 24, response, size, proof, baseKey);
    memcpy(response, proof, 16);
    memcpy(key, chance + 8, 16);
    memcpy(sent, key, 16);
    struct rc4 stream;
    rc4Key(&stream, baseKey);
    rc4Change(&stream, sent, 16);

    uint8_t lm[24] = {0}, computer[16];
    startMessage(token, 3, 88);
    int end = putField(token, 12, lm, 24, 88);
    end = putField(token, 20, response, size, end);
    end = putField(token, 28, "", 0, end);
    end = putField(token, 36, user, putWide(user, ACCOUNT), end);
    end = putField(token, 44, computer, putWide(computer, "LOAD"), end);
    end = putField(token, 52, sent, 16, end);
    putWord(token + 60, FLAGS & word(challenge + 20));
    putVersion(token + 64);
    messageMIC(logon, key, token, end, token + 72);
    directions(made, key, true);
    return end;
}

static int challengeMessage(struct logon *logon, const uint8_t *negotiate, int negotiateSize,
                            const uint8_t *chance, uint8_t *token)
{
    static const uint8_t timestamp[12] = {7, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0xda, 1};
    uint8_t info[64], name[16];
    int size = putWide(name, "LOAD"), infoSize = 0;
    expect(negotiate, negotiateSize, 1, 16);
    memcpy(logon->negotiate, negotiate, logon->negotiateSize = negotiateSize);
    for (int kind = 1; kind <= 2; kind++) { /* the NetBIOS names of computer and domain */
        putWord(info + infoSize, kind | size << 16);
        memcpy(info + infoSize + 4, name, size);
        infoSize += 4 + size;
    }
    memcpy(info + infoSize, timestamp, sizeof timestamp);
    infoSize += sizeof timestamp;
    putWord(info + infoSize, 0);
    infoSize += 4;
    startMessage(token, 2, 56);
    putWord(token + 20, (FLAGS & word(negotiate + 12)) | 0x820000); /* TARGET_INFO, TYPE_SERVER */
    memcpy(token + 24, chance, 8);
    putVersion(token + 48);
    int end = putField(token, 12, name, size, 56);
    end = putField(token, 40, info, infoSize, end);
    memcpy(logon->challenge, token, logon->challengeSize = end);
    return end;
}

/* Verify who the other one is, by his password and his MIC; both directions are keyed then. */
static void verifyAuthenticate(struct logon *logon, const uint8_t *token, int size,
                               struct security *made)
{
    uint8_t name[128], proof[16], key[16], baseKey[16], zeroed[MOST_TOKEN], mic[16];
    int userSize, domainSize, responseSize, keySize;
    expect(token, size, 3, 88);
    const uint8_t *user = fieldOf(token, size, 36, &userSize);
    const uint8_t *domain = fieldOf(token, size, 28, &domainSize);
    const uint8_t *response = fieldOf(token, size, 20, &responseSize);
    const uint8_t *sent = fieldOf(token, size, 52, &keySize);
    if ((word(token + 60) & FLAGS) != FLAGS || keySize != 16 || responseSize < 44 ||
        userSize + domainSize > (int)sizeof name)
        fail("the server's logon: flags %08x, %d octets of response", word(token + 60), responseSize);
    for (int i = 0; i < userSize; i++)
        name[i] = user[i] >= 'a' && user[i] <= 'z' ? user[i] - 32 : user[i];
    memcpy(name + userSize, domain, domainSize);
    prove(name, userSize + domainSize, logon->challenge + 24, response, responseSize, proof, baseKey);
    if (memcmp(proof, response, 16))
        fail("the server does not know the password that it calls back with");
    memcpy(key, sent, 16);
    struct rc4 stream;
    rc4Key(&stream, baseKey);
    rc4Change(&stream, key, 16);
    memcpy(zeroed, token, size);
    memset(zeroed + 72, 0, 16);
    messageMIC(logon, key, zeroed, size, mic);
    if (memcmp(mic, token + 72, 16))
        fail("the MIC of the server's logon is wrong");
    directions(made, key, false);
}
