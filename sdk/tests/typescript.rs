//! The TypeScript declarations in the package are those of the protocol crate: this fails where they differ.
//! `UPDATE_TYPES=1 cargo test -p readrealm-sdk --test typescript` writes them anew.

#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Write;
use std::{env, fs};

use readrealm_protocol::error::{CloseCode, ErrorCode};
use readrealm_protocol::message::Message;
use readrealm_protocol::server::{Appended, Members, Occupancy, User, UserMoved, UserTyping};
use ts_rs::{Config, TS};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js/generated/protocol.ts");

/// The declaration of `T` in the manner of the hand-written files: an interface that nobody writes to, one line a field.
fn declaration<T: TS>(text: &mut String) {
    let config = Config::default().with_large_int("number");
    let declared = T::docs().unwrap_or_default() + "export " + &T::decl(&config);
    let lines: Vec<&str> = declared
        .lines()
        .map(str::trim)
        .filter(|line| !matches!(*line, "/**" | "*/"))
        .collect();
    text.push('\n');
    let mut indent = "";
    for line in lines {
        if let Some(doc) = line.strip_prefix("* ") {
            writeln!(text, "{indent}/** {} */", without_links(doc)).expect("a string");
        } else if line.starts_with("export ") {
            writeln!(
                text,
                "{}",
                line.replace("export type", "export interface").replace(" =", "")
            )
            .expect("a string");
            indent = "  ";
        } else {
            let field = line.trim_end_matches(", };").trim_end_matches(',');
            let field = field.replace("Array<", "ReadonlyArray<");
            writeln!(text, "  readonly {field};").expect("a string");
        }
    }
    text.push_str("}\n");
}

/// [`NAME`](path) is a link in Rust's documentation alone.
fn without_links(doc: &str) -> String {
    let (mut text, mut rest) = (String::new(), doc);
    while let Some((before, link)) = rest.split_once('[') {
        let Some((name, after)) = link.split_once("](") else {
            break;
        };
        text.push_str(before);
        text.push_str(name);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    text + rest
}

fn declarations() -> String {
    let mut text = String::from(
        "// Generated from the crate readrealm-protocol by sdk/tests/typescript.rs; not edited by hand.\n",
    );
    text.push_str("\n/** The `code` of an answer that refuses. New ones may be added. */\nexport type ErrorCode =");
    for code in ErrorCode::ALL {
        write!(text, "\n  | \"{code}\"").expect("a string");
    }
    text.push_str(";\n");
    declaration::<Message>(&mut text);
    declaration::<User>(&mut text);
    declaration::<Members>(&mut text);
    declaration::<UserMoved>(&mut text);
    declaration::<UserTyping>(&mut text);
    declaration::<Occupancy>(&mut text);
    declaration::<Appended>(&mut text);
    text
}

#[test]
fn the_committed_types_are_those_of_the_protocol() {
    let wanted = declarations();
    if env::var_os("UPDATE_TYPES").is_some() {
        fs::write(FILE, &wanted).expect("the generated file is writable");
    }
    let found = fs::read_to_string(FILE).unwrap_or_default();
    assert_eq!(
        found, wanted,
        "run UPDATE_TYPES=1 cargo test -p readrealm-sdk --test typescript"
    );
}

#[test]
fn the_close_codes_the_facade_names_are_final() {
    for code in [
        CloseCode::TooLarge,
        CloseCode::BadProtocol,
        CloseCode::Unauthorized,
        CloseCode::OriginRefused,
        CloseCode::Revoked,
    ] {
        assert!(!CloseCode::reconnects(code.get()), "{code:?}");
    }
}
