//! Everything an operator can set. Defaults stand here and nowhere else.

use std::ffi::OsStr;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Args, Command, Parser, ValueEnum};

use crate::log::open::{InvalidStoreUrl, StoreUrl};
use crate::network::Network;

/// Durable chat rooms over WebSocket: one gapless order per room, and nothing acknowledged that could be lost.
#[derive(Debug, Clone, Parser)]
#[command(name = "readrealm-server", version)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one. The first line on stdout names the address bound.
    #[arg(
        long,
        env = "READREALM_LISTEN",
        default_value = "127.0.0.1:3000",
        value_name = "ADDR:PORT"
    )]
    pub listen: SocketAddr,

    /// The event log: `sqlite:PATH`, `mongodb://…`, `mongodb+srv://…` or `memory:` (lost at exit).
    #[arg(
        long,
        env = "READREALM_STORE",
        hide_env_values = true,
        default_value = "sqlite:readrealm.db",
        value_parser = StoreUrlParser,
        value_name = "URL",
        global = true
    )]
    pub store: StoreUrl,

    /// PEM file of the TLS certificate, those that lead to its authority behind it. With it the server speaks TLS alone.
    /// Read anew when it changes, and at SIGHUP.
    #[arg(
        long,
        env = "READREALM_TLS_CERT",
        value_parser = any_path(),
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// PEM file of the certificate's private key.
    #[arg(
        long,
        env = "READREALM_TLS_KEY",
        value_parser = any_path(),
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,

    /// Proxy whose `X-Forwarded-For` is believed: an address or a range, as `10.0.0.0/8`; repeatable. Clients are then
    /// counted by the rightmost address in it that is no such proxy's. Without it, by the address that connects.
    #[arg(
        long = "trust-proxy",
        env = "READREALM_TRUST_PROXY",
        value_delimiter = ',',
        value_name = "RANGE"
    )]
    pub trusted_proxies: Vec<Network>,

    /// Folder of files to serve beside the chat: the built page, and the SDK under `/sdk/`. Browsers keep what is below its
    /// `assets/` for ever, as bundlers name those files by their contents, and ask anew for the rest.
    #[arg(long, env = "READREALM_STATIC_DIR", value_name = "DIR")]
    pub static_dir: Option<PathBuf>,

    /// `Content-Security-Policy` of those files; an empty flag for none. Without it: the page's own files, WebAssembly and the
    /// chat of the same host, and no script in the page itself.
    #[arg(long, env = "READREALM_CONTENT_SECURITY_POLICY", value_name = "POLICY")]
    pub content_security_policy: Option<HeaderValue>,

    /// Take whoever connects for who they say they are, also on an address other than loopback.
    #[arg(long, env = "READREALM_ALLOW_ANONYMOUS", value_parser = clap::builder::BoolishValueParser::new())]
    pub allow_anonymous: bool,

    /// Origin of pages that may connect, as `https://example.org`; repeatable. Always allowed: no origin (phones, bots),
    /// the host that is asked, and localhost or a loopback address on any port.
    #[arg(
        long = "allow-origin",
        env = "READREALM_ALLOW_ORIGIN",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub allow_origins: Vec<String>,

    /// Who is who.
    #[command(flatten)]
    pub auth: AuthConfig,

    /// How log lines are written to stderr. Their level is set by `RUST_LOG`, which is `info` by default.
    #[arg(long, env = "READREALM_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// Address for `/metrics`, `/healthz` and `/readyz` alone, as one that only the monitoring can reach. `/metrics` is then
    /// not on the main address, where it is otherwise.
    #[arg(long, env = "READREALM_METRICS_LISTEN", value_name = "ADDR:PORT")]
    pub metrics_listen: Option<SocketAddr>,

    /// How long a server that is told to end goes on as before, but for `/readyz`, which answers 503: give it as long as load
    /// balancers need to see that. `--drain-timeout` begins after it.
    #[arg(long, env = "READREALM_DRAIN_DELAY", default_value = "0s", value_parser = parse_period, value_name = "TIME")]
    pub drain_delay: Duration,

    /// How long a shutdown may take: connections are closed, and appends under way finished. Longer than `--reconnect-spread`; 0 is no
    /// time at all.
    #[arg(long, env = "READREALM_DRAIN_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub drain_timeout: Duration,

    /// Bounds on what clients may do.
    #[command(flatten)]
    pub limits: Limits,
}

/// Who is who. Off until a key is set: then whoever connects is who they say they are.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Authentication (off until a key is set)")]
pub struct AuthConfig {
    /// Secret of at least 32 bytes that tokens are signed with (HS256). As a variable: a flag is seen by every user of
    /// the machine.
    #[arg(long, env = "READREALM_AUTH_SECRET", hide_env_values = true, value_name = "SECRET")]
    pub auth_secret: Option<Secret>,

    /// PEM file of the public key that tokens are verified with: RSA (RS256), P-256 (ES256) or Ed25519 (`EdDSA`).
    #[arg(
        long,
        env = "READREALM_AUTH_PUBLIC_KEY",
        value_parser = any_path(),
        value_name = "FILE"
    )]
    pub auth_public_key: Option<PathBuf>,

    /// The secret before this key, whose tokens are taken as well until it is left out: so a key is changed node by node.
    #[arg(
        long,
        env = "READREALM_AUTH_SECRET_PREVIOUS",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub auth_secret_previous: Option<Secret>,

    /// The same for a public key before it.
    #[arg(
        long,
        env = "READREALM_AUTH_PUBLIC_KEY_PREVIOUS",
        value_parser = any_path(),
        value_name = "FILE"
    )]
    pub auth_public_key_previous: Option<PathBuf>,

    /// Secret of at least 32 bytes that opens `/admin/revocations` to an operator's own programs; without one it is not
    /// there. As a variable: a flag is seen by every user of the machine.
    #[arg(long, env = "READREALM_ADMIN_SECRET", hide_env_values = true, value_name = "SECRET")]
    pub admin_secret: Option<Secret>,

    /// Audience that a token's `aud` must name. Without it a token that names any is refused.
    #[arg(long, env = "READREALM_AUTH_AUDIENCE", value_name = "NAME")]
    pub auth_audience: Option<String>,
}

/// Reads the URL of a log, or of a database. What is wrong with one is told without the URL, which may hold a password.
#[derive(Debug, Clone, Copy)]
pub struct StoreUrlParser;

impl TypedValueParser for StoreUrlParser {
    type Value = StoreUrl;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, text: &OsStr) -> Result<StoreUrl, clap::Error> {
        let read = text.to_str().ok_or_else(|| "it is no UTF-8".to_owned());
        let read = read.and_then(|text| text.parse().map_err(|why: InvalidStoreUrl| why.to_string()));
        read.map_err(|why| {
            let what = arg.map_or_else(|| "the URL".to_owned(), |arg| format!("'{arg}'"));
            command
                .clone()
                .error(ErrorKind::ValueValidation, format!("invalid value for {what}: {why}"))
        })
    }
}

/// A word that is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The word itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(word: &str) -> Self {
        Self(word.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Connections in all, where no other number is chosen.
pub const MAX_CONNECTIONS: usize = 100_000;

/// The same of those that are not a WebSocket.
pub const MAX_HTTP_CONNECTIONS: usize = 10_000;

/// Bounds on what clients may do. 0 switches one off.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits (0 = off)")]
pub struct Limits {
    /// Messages, edits, deletes and reads of older messages a second, per connection.
    #[arg(long, env = "READREALM_MESSAGES_PER_SECOND", default_value_t = 20, value_name = "N")]
    pub messages_per_second: u32,

    /// How many of them at once, per connection; 0: as many as a second.
    #[arg(long, env = "READREALM_MESSAGE_BURST", default_value_t = 100, value_name = "N")]
    pub message_burst: u32,

    /// Messages, edits and deletes a second, over all connections of a user. As many at once as `--message-burst`.
    #[arg(
        long,
        env = "READREALM_USER_MESSAGES_PER_SECOND",
        default_value_t = 40,
        value_name = "N"
    )]
    pub user_messages_per_second: u32,

    /// Joins a second, per connection.
    #[arg(long, env = "READREALM_JOINS_PER_SECOND", default_value_t = 20, value_name = "N")]
    pub joins_per_second: u32,

    /// How many of them at once, per connection; 0: as many as a second.
    #[arg(long, env = "READREALM_JOIN_BURST", default_value_t = 100, value_name = "N")]
    pub join_burst: u32,

    /// Joins a second, over all connections of a user; ten times as many at once.
    #[arg(
        long,
        env = "READREALM_USER_JOINS_PER_SECOND",
        default_value_t = 100,
        value_name = "N"
    )]
    pub user_joins_per_second: u32,

    /// Reads of a room over HTTP a second, over all requests of a user, or of an address where there is no token. As many at
    /// once as `--message-burst`; more are answered 429.
    #[arg(
        long,
        env = "READREALM_USER_READS_PER_SECOND",
        default_value_t = 40,
        value_name = "N"
    )]
    pub user_reads_per_second: u32,

    /// New connections of one address a second, or of one /64 of IPv6. At once thirty times as many, or three times
    /// `--max-connections-per-address` if that is more. More are answered 429, and above four times as many a second cut off, as
    /// are all that are more where TLS is the server's own. Off where `--max-connections-per-address` is.
    #[arg(
        long,
        env = "READREALM_NEW_CONNECTIONS_PER_SECOND",
        default_value_t = 100,
        value_name = "N"
    )]
    pub new_connections_per_second: u32,

    /// Requests of one address a second over plain HTTP, as for the files of a page, or of one /64 of IPv6; as many at once as of
    /// new connections. More are answered 429. `/healthz`, `/readyz` and `/admin/` are not counted, nor is what has bounds of its
    /// own: `/ws`, `/socket.io/` and `--metrics-listen`. Off where `--max-connections-per-address` is.
    #[arg(long, env = "READREALM_REQUESTS_PER_SECOND", default_value_t = 100, value_name = "N")]
    pub requests_per_second: u32,

    /// Connections in all; more are answered 503.
    #[arg(long, env = "READREALM_MAX_CONNECTIONS", default_value_t = MAX_CONNECTIONS, value_name = "N")]
    pub max_connections: usize,

    /// Connections of one address, or of one /64 of IPv6, four times as many of a /56, sixteen times of a /48; more are answered
    /// 429. As many again may be plain HTTP.
    #[arg(
        long,
        env = "READREALM_MAX_CONNECTIONS_PER_ADDRESS",
        default_value_t = 1_000,
        value_name = "N"
    )]
    pub max_connections_per_address: usize,

    /// Connections in all that are not a WebSocket (yet); more are closed at once.
    #[arg(
        long,
        env = "READREALM_MAX_HTTP_CONNECTIONS",
        default_value_t = MAX_HTTP_CONNECTIONS,
        value_name = "N"
    )]
    pub max_http_connections: usize,

    /// How long a TLS handshake may take, then the head of a request, then the first token where one is asked for.
    #[arg(long, env = "READREALM_HANDSHAKE_TIMEOUT", default_value = "10s", value_parser = parse_period, value_name = "TIME")]
    pub handshake_timeout: Duration,

    /// Bytes that may wait for one connection; more close it with 4008, and its client resumes.
    #[arg(
        long,
        env = "READREALM_OUTBOX_BYTES",
        default_value_t = 1_048_576,
        value_name = "BYTES"
    )]
    pub outbox_bytes: usize,

    /// How often a connection is pinged.
    #[arg(long, env = "READREALM_PING_INTERVAL", default_value = "25s", value_parser = parse_period, value_name = "TIME")]
    pub ping_interval: Duration,

    /// How long a connection may be silent, its pongs included.
    #[arg(long, env = "READREALM_IDLE_TIMEOUT", default_value = "60s", value_parser = parse_period, value_name = "TIME")]
    pub idle_timeout: Duration,

    /// Over how long clients are told to come back when the server shuts down, so that the others are not met by all at once.
    #[arg(long, env = "READREALM_RECONNECT_SPREAD", default_value = "3s", value_parser = parse_period, value_name = "TIME")]
    pub reconnect_spread: Duration,
}

impl Limits {
    /// No bound at all, as tests and benchmarks start from.
    pub fn off() -> Self {
        Self {
            messages_per_second: 0,
            message_burst: 0,
            user_messages_per_second: 0,
            joins_per_second: 0,
            join_burst: 0,
            user_joins_per_second: 0,
            user_reads_per_second: 0,
            new_connections_per_second: 0,
            requests_per_second: 0,
            max_connections: 0,
            max_connections_per_address: 0,
            max_http_connections: 0,
            handshake_timeout: Duration::ZERO,
            outbox_bytes: 0,
            ping_interval: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            reconnect_spread: Duration::ZERO,
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// A path that may be none at all: clap's own parser refuses that before a command could do without it.
fn any_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// A time with its unit, or a bare 0.
fn parse_period(text: &str) -> Result<Duration, humantime::DurationError> {
    if text == "0" {
        Ok(Duration::ZERO)
    } else {
        humantime::parse_duration(text)
    }
}
