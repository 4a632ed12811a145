//! What the validated texts hold, and what they refuse.
#![allow(clippy::unwrap_used, reason = "a test")]

use readrealm_protocol::{ClientMessageId, Content, MessageId, UserId, Username};

#[test]
fn names_and_keys() {
    let name = |text: &str| Username::try_from(text).map(|name| name.as_str().to_owned()).ok();
    assert_eq!(name("  alice\n").as_deref(), Some("alice"));
    assert_eq!(name(&"🐱".repeat(64)), Some("🐱".repeat(64)));
    assert_eq!(name(&format!(" {} ", "x".repeat(64))), Some("x".repeat(64)));
    for text in [
        "",
        "  ",
        "a\nb",
        "a\0b",
        "a\u{7f}",
        "a\u{85}b",
        &"x".repeat(65),
        &"🐱".repeat(65),
    ] {
        assert_eq!(name(text), None, "{text:?}");
    }

    let user = |text: &str| UserId::try_from(text).map(|user| user.as_str().to_owned()).ok();
    for text in ["x", "a/b/c", " x ", &"x".repeat(128), &"🐱".repeat(128)] {
        assert_eq!(user(text).as_deref(), Some(text), "held as it is: {text:?}");
    }
    for text in ["", "a\nb", "\0", "x\u{9f}", &"x".repeat(129), &"🐱".repeat(129)] {
        assert_eq!(user(text), None, "{text:?}");
    }

    for text in ["a", "-", "_", "AZaz09_-", &"x".repeat(64)] {
        assert!(ClientMessageId::try_from(text).is_ok(), "{text:?}");
    }
    for text in ["", "a/b", "a b", " a", "a\n", "é", "a.b", "a:b", "a+b", &"x".repeat(65)] {
        assert!(ClientMessageId::try_from(text).is_err(), "{text:?}");
    }

    for text in ["u1", "  u1  ", &"🐱".repeat(128), " ", &format!("{} x", "y".repeat(63))] {
        let name = Username::from_user_id(&UserId::try_from(text).unwrap());
        assert_eq!(
            Username::try_from(name.as_str()),
            Ok(name.clone()),
            "a name of {text:?}"
        );
    }
    assert!(Content::try_from(&*"🐱".repeat(4_000)).is_ok());
}

#[test]
fn message_ids_have_one_spelling() {
    for text in ["0-1", "28520-42", "9007199254740991-9007199254740991"] {
        assert_eq!(text.parse::<MessageId>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "-",
        "1",
        "1-",
        "-1",
        "1-0",
        "0-0",
        "01-1",
        "00-1",
        "1-01",
        "+1-1",
        "1-+1",
        "1--1",
        "-1-1",
        "1-1-1",
        " 1-1",
        "1-1 ",
        "1 -1",
        "1_1",
        "1/1",
        "1-1.0",
        "1-1e1",
        "0x1-1",
        "1-١",
        "1–1",
        "9007199254740992-1",
        "1-9007199254740992",
        "1-18446744073709551617",
        "1-1\0",
    ] {
        assert!(text.parse::<MessageId>().is_err(), "{text:?}");
    }
}
