//! What the validated newtypes are in TypeScript: the plain value they are on the wire.

use ts_rs::{Config, TS};

use crate::error::ErrorCode;
use crate::ids::{BookId, ClientMessageId, Content, Epoch, MessageId, Seq, UserId, Username};
use crate::message::Timestamp;

macro_rules! plain {
    ($($text:literal: $($name:ident),+;)+) => {
        $($(impl TS for $name {
            type WithoutGenerics = Self;
            type OptionInnerType = Self;

            fn name(_: &Config) -> String {
                $text.into()
            }

            fn inline(config: &Config) -> String {
                Self::name(config)
            }
        })+)+
    };
}

plain! {
    "number": BookId, Seq;
    "string": ClientMessageId, Content, Epoch, MessageId, Timestamp, UserId, Username;
    "ErrorCode": ErrorCode;
}
