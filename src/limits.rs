//! Every cap in one place, each with its reason. At a cap the tool says what it gave up.

/// How far ahead of the next expected byte a segment may lie to be taken for part of the same
/// stream: the largest TCP window is 1 GiB (RFC 7323 §2.3).
pub const MAX_AHEAD: u64 = 1 << 30;

/// Bytes held behind a hole that the peer has not acknowledged yet. A sender may have a whole
/// window in flight while it repeats a lost segment; Linux grows windows to 6 MB by default.
pub const MAX_HELD_BYTES: usize = 8 << 20;

/// Bytes held behind a hole that the peer has acknowledged. They only wait for a capture that
/// has its packets out of order, so less will do.
pub const MAX_HELD_BYTES_ACKED: usize = 1 << 20;

/// How long such a hole may still be filled, in nanoseconds of capture time. Captures that
/// merge several queues or interfaces are out of order by milliseconds.
pub const ACKED_HOLE_PATIENCE_NANOS: i64 = 1_000_000_000;

/// The same bytes again sooner than this are a second copy in the capture, not a
/// retransmission, in nanoseconds.
pub const MIN_RESEND_NANOS: i64 = 20_000_000;

/// Payload bytes kept of one control frame. Legal ones have up to 125; longer ones are shown as
/// they were sent up to here.
pub const MAX_CONTROL_PAYLOAD: usize = 4096;

/// Bytes searched for the next frame behind a hole before the oldest are given up.
pub const MAX_RESYNC_BYTES: usize = 256 << 10;

/// Places behind a hole that may be where a frame begins, followed at the same time.
pub const MAX_RESYNC_CANDIDATES: usize = 64;

/// Longest HTTP head. Servers allow 8 to 64 KiB.
pub const MAX_HEAD_BYTES: usize = 64 << 10;

/// Bytes kept behind an opening until its other half shows what they are.
pub const MAX_WAITING_BYTES: usize = 256 << 10;

/// Bytes behind a 101 whose request has not been seen, before it is taken for lost.
pub const MAX_EARLY_BYTES: usize = 64 << 10;

/// The same while bytes of whoever asks wait behind a hole: the request may be among them, and in
/// the second that such a hole is waited for a fast server sends a whole window (see
/// [`MAX_HELD_BYTES`]).
pub const MAX_OVERTAKING_BYTES: usize = MAX_HELD_BYTES;

/// Requests without an answer yet on one connection (pipelining).
pub const MAX_REQUESTS_WAITING: usize = 64;

/// Close frames kept of one side. One is legal.
pub const MAX_CLOSES: usize = 16;

/// Anomalies kept of one session: the first ones explain the rest.
pub const MAX_ANOMALIES: usize = 32;

/// Holes between frames kept of one side.
pub const MAX_HOLES: usize = 32;

/// Connections followed at a time. At the cap the eighth of them that was idle for longest is
/// told as it stands and dropped.
pub const MAX_CONNECTIONS: usize = 1 << 20;

/// Connections followed at a time on an interface, where memory is the host's: a quarter of what
/// a file may hold. A large WebSocket server has 200,000 clients.
pub const MAX_LIVE_CONNECTIONS: usize = 1 << 18;

/// Connections that may begin on an interface while a bare SYN waits: an eighth as well.
pub const MAX_LIVE_SYNS_WAITING: usize = MAX_SYNS_WAITING / 8;

/// Packets taken from an interface before anything else is seen to: some ten milliseconds. Where
/// they come faster than they are handled there is no end to those that wait.
pub const MAX_PACKETS_AT_ONCE: usize = 4096;

/// Sessions told before packets are looked at again: a few milliseconds of verdicts. A restart
/// ends all of a server's at once.
pub const MAX_TOLD_AT_ONCE: usize = 256;

/// Connections that may be ending looked at before packets are: a millisecond or two.
pub const MAX_CANDIDATES_AT_ONCE: usize = 8192;

/// Places of the table of connections looked at with each tick: under a millisecond, and within
/// some seconds the largest table that there may be on an interface.
pub const MAX_SURVEYED_AT_ONCE: usize = 4096;

/// Connections that wait for their secrets looked at with each tick.
pub const MAX_KEYLESS_AT_ONCE: usize = 2048;

/// Connections dropped from a full table with each that begins on an interface: it catches up,
/// and no packet waits for all of them.
pub const EVICTED_AT_ONCE: usize = 4;

/// How long an interface must be quiet about a connection that ended before its session is told,
/// in nanoseconds: the last packets of both ends are within a round trip, and whoever watches
/// wants to know within a second.
pub const QUIET_NANOS: i64 = 300_000_000;

/// How long to wait for the other half of an ending (a FIN without the other, a Close that no
/// FIN follows) on an interface, in nanoseconds: Linux forgets a half-closed connection that its
/// program has closed after 60 s (tcp_fin_timeout).
pub const HALF_OVER_NANOS: i64 = 60_000_000_000;

/// How long repeated packets go unanswered on an interface before that is told as the end, in
/// nanoseconds: networks recover within seconds (the sixth repetition leaves after 13 s, RFC 6298).
pub const UNHEARD_NANOS: i64 = 20_000_000_000;

/// Packets that were sent so often without an answer make one suspect that nobody is there.
pub const UNHEARD_TIMES: u32 = 3;

/// A connection on an interface without any packet for so long, and without a WebSocket, is
/// forgotten, in nanoseconds.
pub const CONNECTION_IDLE_NANOS: i64 = 300_000_000_000;

/// A session on an interface without any packet for so long is told as it stands: a day, in
/// nanoseconds. Whoever keeps a WebSocket longer without a Ping has a NAT that forgets it.
pub const SESSION_IDLE_NANOS: i64 = 86_400_000_000_000;

/// Between two times that attempts to connect are told, in nanoseconds.
pub const ATTEMPTS_NANOS: i64 = 5_000_000_000;

/// Packets without payload kept of a connection before its first byte, besides the first: a
/// handshake takes three in all, and Linux sends a SYN up to seven times.
pub const MAX_PRELUDE_PACKETS: usize = 8;

/// Connections that may begin while a bare SYN waits for its answer: what is older is dropped,
/// so that a SYN flood takes no room, and an index small enough for the cache. Under 500,000 SYNs a
/// second an answer has a quarter of a second, and one that comes later begins a connection too.
pub const MAX_SYNS_WAITING: usize = 1 << 17;

/// Attempts to connect that failed, kept until all servers of WebSockets are known: a scan of
/// every port of a host makes four times as many.
pub const MAX_ATTEMPTS: usize = 1 << 14;

/// SYNs at such servers that nobody repeated or answered, up to which they are told: more are a
/// flood or a scan, which tries once only.
pub const MAX_SINGLE_SYNS: usize = 256;

/// Servers (and names of them) that are known to have been asked for a WebSocket, so that such
/// attempts are told.
pub const MAX_KNOWN_SERVERS: usize = 1 << 16;

/// How long a SYN waits before it is sent again, in nanoseconds (RFC 6298 §2).
pub const FIRST_RESEND_NANOS: i64 = 1_000_000_000;

/// How long an attempt that was refused is kept on an interface, in nanoseconds: Windows tries
/// three times, half a second apart, before it says so to the program.
pub const REFUSED_NANOS: i64 = 3_000_000_000;

/// How long an ended connection is kept for late packets, in nanoseconds: TIME-WAIT lasts 60 s
/// on Linux.
pub const LINGER_NANOS: i64 = 60_000_000_000;

/// Bytes of found frames kept, in a stream whose beginning is missing, until the other
/// direction shows frames too.
pub const MAX_SEARCH_KEPT: usize = 64 << 10;

/// Bytes of such a stream searched in vain before it is taken for something else: more than the
/// messages that most servers take (1 MiB).
pub const MAX_SEARCH_BYTES: u64 = 2 << 20;

/// How often the place of frames may be lost again inside of bytes that a search had kept.
pub const MAX_RESYNC_DEPTH: u8 = 8;

/// Secrets kept of all key logs. Each takes about a hundred bytes, and a compressed capture can
/// hold any number of them.
pub const MAX_SECRETS: usize = 4 << 20;

/// Secrets kept of key logs that grow while an interface is watched. The older half goes when
/// this many are there: a hundred thousand connections ago in TLS 1.3, which has five for each.
pub const MAX_LIVE_SECRETS: usize = 1 << 20;

/// How long a TLS connection on an interface waits for its secrets, in nanoseconds. Libraries
/// write them within the handshake; buffers and shared folders delay them by seconds.
pub const SECRETS_PATIENCE_NANOS: i64 = 10_000_000_000;

/// Bytes read of a growing key log between two looks at the interface: a few milliseconds.
pub const KEY_LOG_READ: usize = 4 << 20;

/// Longest line of a key log that is not taken for damaged. Real ones have up to 200 characters.
pub const MAX_KEY_LOG_LINE: usize = 1024;

/// Longest handshake message that is kept until it is whole. A ClientHello has 2 KiB with
/// post-quantum key shares; certificates are not kept.
pub const MAX_HANDSHAKE_MESSAGE: usize = 64 << 10;

/// Protocols of a ClientHello that are kept: clients offer two or three.
pub const MAX_PROTOCOLS_OFFERED: usize = 8;

/// Sessions kept (for each worker) that are told only if other sessions show that their server
/// speaks WebSocket: connections that never opened one. Each takes about a kilobyte.
pub const MAX_TLS_FAILURES: u64 = 1 << 16;

/// Sequence numbers tried for the first TLS record behind a hole, whatever its length.
pub const MIN_RECORDS_SKIPPED: u64 = 64;

/// And with long holes, no more than this: the least record of one byte each in 100 kB.
pub const MAX_RECORDS_SKIPPED: u64 = 4096;

/// Bytes decrypted in vain behind holes before the rest of the direction is given up: a made-up
/// stream can have something like a record begin at every byte.
pub const MAX_TRIAL_BYTES: u64 = 32 << 20;

/// Each byte of a record that was opened makes up for so many of them: a hole of eight records
/// costs as much for the one behind it.
pub const TRIAL_BYTES_EARNED: u64 = 8;

/// Records in a row that no key opens before a direction is given up, where none was opened.
pub const MAX_RECORDS_UNOPENED: u32 = 256;

/// A silence of both ends from which on the bytes that break it are remembered, in nanoseconds:
/// the shortest time after which a NAT or firewall is known to forget a connection is 30 s.
pub const MIN_SILENCE_NANOS: i64 = 20_000_000_000;

/// Longest prefix that a proxy puts before a connection: a CONNECT with credentials, refused
/// once, and its answers.
pub const MAX_PREFIX_BYTES: usize = 16 << 10;

/// Such prefixes one after the other.
pub const MAX_PREFIXES: u8 = 4;

/// Bytes that all connections together hold while they wait for others (behind holes, for the
/// other half of an opening, for a frame to prove itself). At the cap those that hold most stop
/// waiting. A lossy capture of a busy server holds a few megabytes.
pub const MAX_HELD_IN_ALL: usize = 256 << 20;

/// Bytes of packets that `--record` keeps of each opening: a TLS handshake with its certificates
/// takes 5 to 8 KiB, the requests and answers a few more.
pub const MAX_RECORDED_OPENING: usize = 16 << 10;

/// Bytes of the latest packets that `--record` keeps of each session: some hundred messages.
pub const MAX_RECORDED_SESSION: usize = 256 << 10;

/// What each session may keep at least, however many there are: the last few packets, such as
/// two Close frames and what ends TCP.
pub const MIN_RECORDED_SESSION: usize = 512;

/// Bytes that `--record` holds of all sessions together, also of those that wait to be written.
/// Towards the cap every session keeps less of its past; where openings alone fill it, sessions
/// that begin are not recorded.
pub const MAX_RECORDED_IN_ALL: usize = 256 << 20;

/// The part of the room that is left which one session may take of it for its past: while half
/// is left, all of [`MAX_RECORDED_SESSION`].
pub const RECORDED_SHARE: usize = 512;

/// Connections whose past is shortened, where it has to be, with each packet: an average one of
/// the largest table has its turn within seconds at a hundred thousand packets a second.
pub const EVENED_OUT_AT_ONCE: usize = 1;

/// Bytes of recordings that wait to be written before fewer sessions are told: half of what is
/// held.
pub const MAX_RECORDINGS_WAITING: usize = 128 << 20;

/// Bytes of capture between two looks at how much is held; and as many for each connection, so
/// that looking costs little.
pub const CHECK_HELD_EVERY: u64 = 64 << 20;

/// See [`CHECK_HELD_EVERY`].
pub const CHECK_HELD_PER_CONNECTION: u64 = 256;

/// Texts of told sessions that are kept once for all of them (hosts, paths, sentences): with
/// [`MAX_SHARED_TEXT`] at most 16 MiB. What comes later stands in each session by itself.
pub const MAX_SHARED_TEXTS: usize = 1 << 15;

/// Longest of them, in bytes: user agents and sentences are shorter.
pub const MAX_SHARED_TEXT: usize = 512;

/// Sessions handed on as they end that are compared with each other when the last has: about 150
/// bytes each, 300 MB in all.
pub const MAX_OUTLINES: usize = 1 << 21;

/// Paths of them that can be named then, of at most [`MAX_SHARED_TEXT`] bytes: 32 MB in all.
pub const MAX_PATHS_COMPARED: usize = 1 << 16;

/// Events kept of all sessions under way on an interface, where stories are kept at all: about
/// 100 MB.
pub const MAX_LIVE_EVENTS: usize = 1 << 20;

/// Events kept of one of them: the opening and the latest. A screen shows fewer at a time.
pub const MAX_LIVE_EVENTS_OF_ONE: usize = 512;

/// The first events of a story, which are always kept: what it was opened with.
pub const LIVE_EVENTS_AT_OPENING: usize = 8;

/// Sessions that ended on an interface in which something in common is looked for: a few
/// megabytes, and a look takes milliseconds.
pub const MAX_WINDOW_SESSIONS: usize = 8192;

/// How long ago these may have ended, in nanoseconds: three ends of a service with few sessions
/// and a usual timer are within an hour.
pub const WINDOW_NANOS: i64 = 3_600_000_000_000;

/// Directions whose compressed messages are inflated at a time. Each takes some 50 KiB, most of
/// which is the window that messages may refer to (RFC 7692 §7.1.2): 200 MiB in all.
pub const MAX_WINDOWS: usize = 4096;

/// The same on an interface: an eighth as well.
pub const MAX_LIVE_WINDOWS: usize = MAX_WINDOWS / 8;

/// Such windows that are kept for the next direction, or message, that needs one: about 3 MB.
pub const MAX_SPARE_WINDOWS: usize = 64;

/// Bytes of compressed messages kept of each direction until its session ends, for the case that
/// what they come to matters then. Of those that send more, messages are inflated as they pass,
/// with a window of 50 KiB.
pub const MAX_KEPT_COMPRESSED: usize = 128 << 10;

/// The same of all directions together. Without room, too, messages are inflated as they pass, with
/// windows that mostly take more than what would be kept: with 4,000 sessions open, a quarter of
/// this took a quarter more CPU, and saved no memory.
pub const MAX_KEPT_COMPRESSED_IN_ALL: usize = 32 << 20;

/// The same on an interface: less, so that what is inflated when many sessions end at a time keeps
/// no packet waiting for long.
pub const MAX_LIVE_KEPT_COMPRESSED_IN_ALL: usize = 1 << 20;

/// What each compressed byte of a direction may come to, in bytes. Deflate can reach 1032; whole
/// documents that are sent again and again reach a hundred.
pub const INFLATED_PER_BYTE: u64 = 200;

/// Besides, what a direction may come to, in bytes: a message or two that compress better.
pub const INFLATED_FREE: u64 = 1 << 20;
