//! The flags an operator is promised, with the defaults they are promised. That each is enforced, and that 0 switches
//! it off, is shown over real sockets in the crate `e2e`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use clap::{CommandFactory, Parser};
use readrealm_server::config::Config;

fn parse(arguments: &[&str]) -> Result<Config, clap::Error> {
    Config::try_parse_from([&["readrealm-server"], arguments].concat())
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = parse(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.store.to_string(), "sqlite:readrealm.db");
    assert_eq!(config.drain_timeout, Duration::from_secs(10));
    assert!(!config.allow_anonymous && config.allow_origins.is_empty());
    let limits = config.limits;
    assert_eq!((limits.messages_per_second, limits.message_burst), (20, 100));
    assert_eq!(
        (limits.user_messages_per_second, limits.user_joins_per_second),
        (40, 100)
    );
    assert_eq!(
        (limits.user_reads_per_second, limits.new_connections_per_second),
        (40, 100)
    );
    assert_eq!((limits.requests_per_second, limits.max_http_connections), (100, 10_000));
    assert_eq!(limits.handshake_timeout, Duration::from_secs(10));
    assert!(config.trusted_proxies.is_empty() && config.tls_cert.is_none());
    assert_eq!((limits.joins_per_second, limits.join_burst), (20, 100));
    assert_eq!(
        (limits.max_connections, limits.max_connections_per_address),
        (100_000, 1_000)
    );
    assert_eq!(limits.outbox_bytes, 1_048_576);
    assert_eq!(limits.ping_interval, Duration::from_secs(25));
    assert_eq!(limits.idle_timeout, Duration::from_mins(1));
}

#[test]
fn every_limit_takes_0() {
    let flags = [
        "--messages-per-second",
        "--message-burst",
        "--user-messages-per-second",
        "--joins-per-second",
        "--join-burst",
        "--user-joins-per-second",
        "--user-reads-per-second",
        "--new-connections-per-second",
        "--requests-per-second",
        "--max-http-connections",
        "--handshake-timeout",
        "--max-connections",
        "--max-connections-per-address",
        "--outbox-bytes",
        "--ping-interval",
        "--idle-timeout",
    ];
    for flag in flags {
        parse(&[flag, "0"]).unwrap_or_else(|error| panic!("{error}"));
        parse(&[flag, "-1"]).unwrap_err();
        parse(&[flag, "many"]).unwrap_err();
    }
    let arguments: Vec<&str> = flags.iter().flat_map(|flag| [*flag, "0"]).collect();
    parse(&arguments).unwrap();
}

#[test]
fn every_flag_says_what_it_does() {
    let command = Config::command();
    for argument in command.get_arguments() {
        assert!(argument.get_help().is_some(), "--{} has no help", argument.get_id());
    }
}
