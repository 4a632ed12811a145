//! Packets of Socket.IO (protocol revision 5) from and to their text, as it travels in a message of the engine.
//!
//! `<type>[<attachments>-][<namespace>,][<ack id>][JSON]`

use std::borrow::Cow;
use std::fmt;

use engineioxide::Str;
use serde::Serialize;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The namespace that is served. There is no other.
pub(super) const NAMESPACE: &str = "/";

/// A packet of a client.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    /// The namespace it is for.
    pub(super) namespace: &'a str,
    /// What it says.
    pub(super) kind: Kind<'a>,
}

/// What a packet says.
#[derive(Debug)]
pub(super) enum Kind<'a> {
    /// Asks to be let into the namespace, with this JSON, which may be empty.
    Connect(&'a str),
    /// Leaves the namespace.
    Disconnect,
    /// An event.
    Event {
        /// Under which number an answer is awaited.
        ack: Option<u64>,
        /// Its name and its data.
        call: Call<'a>,
    },
    /// Answers an event of the server, which asks for no answers.
    Ack,
    /// An event or an answer with so many binary attachments, which follow.
    Binary(u32),
}

/// The name and the first argument of an event; further ones are not looked at.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The name.
    pub(super) event: Cow<'a, str>,
    /// The argument.
    pub(super) data: Option<&'a RawValue>,
}

/// Reads a packet; the error says in a few words what is wrong.
pub(super) fn parse(text: &str) -> Result<Packet<'_>, &'static str> {
    let mut rest = text.get(1..).ok_or("not a packet")?;
    let kind = text.as_bytes()[0];
    let mut attachments = 0;
    if matches!(kind, b'5' | b'6') {
        let (count, after) = rest.split_once('-').ok_or("not a binary packet")?;
        attachments = count.parse().map_err(|_| "not a number of attachments")?;
        rest = after;
    }
    let mut namespace = NAMESPACE;
    if rest.starts_with('/') {
        // What comes after its `?` is a query, which is another way of sending what `auth` holds.
        let (named, after) = rest.split_once(',').unwrap_or((rest, ""));
        namespace = named.split('?').next().unwrap_or(named);
        rest = after;
    }
    let kind = match kind {
        b'0' => Kind::Connect(rest),
        b'1' => Kind::Disconnect,
        b'2' => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (ack, arguments) = rest.split_at(digits);
            let ack = (!ack.is_empty()).then(|| ack.parse()).transpose();
            Kind::Event {
                ack: ack.map_err(|_| "not a number to answer under")?,
                call: serde_json::from_str(arguments).map_err(|_| "an event is [name, data]")?,
            }
        }
        b'3' => Kind::Ack,
        b'5' | b'6' => Kind::Binary(attachments),
        _ => return Err("not a packet of a client"),
    };
    Ok(Packet { namespace, kind })
}

impl<'de> Deserialize<'de> for Call<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Arguments;

        impl<'de> Visitor<'de> for Arguments {
            type Value = Call<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array that begins with a name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut arguments: A) -> Result<Call<'de>, A::Error> {
                let Some(Name(event)) = arguments.next_element()? else {
                    return Err(serde::de::Error::invalid_length(0, &self));
                };
                let data = arguments.next_element()?;
                while arguments.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Call { event, data })
            }
        }

        deserializer.deserialize_seq(Arguments)
    }
}

/// Borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The answer to who is let in. A client of version 2 knows its `sid` already.
pub(super) fn connected(sid: Option<&str>) -> Str {
    match sid {
        Some(sid) => Str::from(format!(r#"0{{"sid":"{sid}"}}"#)),
        None => Str::from("0"),
    }
}

/// The answer to who is not.
pub(super) fn refused(namespace: &str, why: &impl Serialize) -> Str {
    let namespace = if namespace == NAMESPACE {
        String::new()
    } else {
        format!("{namespace},")
    };
    Str::from(format!("4{namespace}{}", json(why)))
}

/// An event. The name is one of this crate's own, which need no escapes.
pub(super) fn event(name: &str, data: &str) -> Str {
    Str::from(["2[\"", name, "\",", data, "]"].concat())
}

/// The answer to an event.
pub(super) fn ack(id: u64, data: &str) -> Str {
    Str::from(format!("3{id}[{data}]"))
}

/// Tells a client that it is out, and not to come back by itself.
pub(super) fn disconnected() -> Str {
    // Not a static text: who holds one cannot tell whether others do.
    Str::from(String::from("1"))
}

/// The JSON of what cannot fail to be JSON: its keys are names of fields.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> (Option<u64>, String, Option<String>) {
        match parse(text).unwrap().kind {
            Kind::Event { ack, call } => (
                ack,
                call.event.into_owned(),
                call.data.map(|data| data.get().to_owned()),
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn events_have_a_name_data_and_perhaps_a_number() {
        assert_eq!(
            event(r#"2["a",{"b":1}]"#),
            (None, "a".into(), Some(r#"{"b":1}"#.into()))
        );
        assert_eq!(event(r#"217["a"]"#), (Some(17), "a".into(), None));
        assert_eq!(
            event(r#"2["\u0061\n",1,2,[3]]"#),
            (None, "a\n".into(), Some("1".into()))
        );
        let elsewhere = parse(r#"2/admin,3["a"]"#).unwrap();
        assert_eq!(elsewhere.namespace, "/admin");
    }

    #[test]
    fn a_connect_may_bring_what_proves_who_it_is() {
        for (text, namespace, auth) in [
            ("0", "/", ""),
            (r#"0{"token":"t"}"#, "/", r#"{"token":"t"}"#),
            ("0/admin,", "/admin", ""),
            (r#"0/admin?a=b,{"c":1}"#, "/admin", r#"{"c":1}"#),
            ("0/admin", "/admin", ""),
        ] {
            let packet = parse(text).unwrap();
            assert_eq!(packet.namespace, namespace, "{text}");
            assert!(matches!(packet.kind, Kind::Connect(rest) if rest == auth), "{text}");
        }
    }

    #[test]
    fn attachments_are_counted() {
        let packet = parse(r#"52-["a",{"_placeholder":true,"num":0}]"#).unwrap();
        assert!(matches!(packet.kind, Kind::Binary(2)));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for text in [
            "",
            "2",
            "2[",
            "2[]",
            "2[1]",
            "2{}",
            "2[null]",
            "22",
            "7",
            "é",
            "2x",
            "5[\"a\"]",
            "5x-[]",
            "4{}",
            "299999999999999999999[\"a\"]",
            "2[\"a\",]",
            "2[\"a\"]x",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
