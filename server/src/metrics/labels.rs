//! The values of labels. There are no others: what clients send never becomes a label.

use readrealm_protocol::CloseCode;

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $text:literal,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $name {
                $($(#[$value_doc])* $value,)+
            }

            impl $name {
                pub(super) const LABELS: &[&str] = &[$($text),+];

                /// Its label.
                pub const fn label(self) -> &'static str {
                    match self { $(Self::$value => $text,)+ }
                }
            }
        )+
    };
}

labels! {
    /// A kind of connection.
    Transport {
        /// `/ws`.
        WebSocket = "websocket",
        /// `/socket.io/`.
        SocketIo = "socketio",
    }

    /// A bound that somebody met.
    Limit {
        /// `--max-connections`.
        Connections = "connections",
        /// `--max-connections-per-address`.
        ConnectionsPerAddress = "connections_per_address",
        /// `--messages-per-second`.
        Messages = "messages",
        /// `--user-messages-per-second`.
        UserMessages = "user_messages",
        /// `--joins-per-second`.
        Joins = "joins",
        /// `--user-joins-per-second`.
        UserJoins = "user_joins",
        /// `--user-reads-per-second`.
        Reads = "reads",
        /// `--new-connections-per-second`.
        NewConnections = "new_connections",
        /// `--requests-per-second`.
        Requests = "requests",
        /// `--max-http-connections`, or those of one address.
        HttpConnections = "http_connections",
        /// Two `typing` a second; what is beyond is dropped.
        Typing = "typing",
        /// 100 malformed frames in 10 s, or as many of any kind before the first token; the next closes the connection.
        MalformedFrames = "malformed_frames",
        /// 100 refused requests a second; what comes behind them waits to be read.
        Refusals = "refusals",
    }

    /// Why an append stopped before its end.
    Stopped {
        /// Another node has the position.
        Conflict = "conflict",
        /// The event is in the log already.
        Duplicate = "duplicate",
        /// Nobody knows yet whether it was written.
        Unknown = "unknown",
        /// The log is out of reach.
        Unavailable = "unavailable",
    }

    /// Why somebody was not let in, or not let stay.
    Refusal {
        /// There was no token in time.
        Missing = "missing",
        /// The token is too large to be looked into.
        TooLarge = "too_large",
        /// It is no signed JWT.
        Malformed = "malformed",
        /// It is signed by another algorithm than the key's.
        Algorithm = "algorithm",
        /// It is signed with another key, or changed since.
        Signature = "signature",
        /// It has ended.
        Expired = "expired",
        /// It does not count yet.
        TooEarly = "too_early",
        /// A claim is missing or out of its bounds.
        Claim = "claim",
        /// It is for another service.
        Audience = "audience",
        /// It, or its user, was revoked.
        Revoked = "revoked",
        /// It is another user's than the one it was to replace.
        OtherUser = "other_user",
        /// It is not the operator's secret.
        AdminSecret = "admin_secret",
    }

    /// How a connection ended.
    Ending {
        /// The client closed it, or was gone.
        Client = "client",
        /// 1009.
        TooLarge = "too_large",
        /// 4001.
        GoingAway = "going_away",
        /// 4008.
        SlowConsumer = "slow_consumer",
        /// 4009.
        AuthExpired = "auth_expired",
        /// 4100.
        BadProtocol = "bad_protocol",
        /// 4101.
        Unauthorized = "unauthorized",
        /// 4103.
        OriginRefused = "origin_refused",
        /// 4104.
        Revoked = "revoked",
    }
}

impl From<Option<CloseCode>> for Ending {
    /// `None` where the server did not close it.
    fn from(code: Option<CloseCode>) -> Self {
        match code {
            None => Self::Client,
            Some(CloseCode::TooLarge) => Self::TooLarge,
            Some(CloseCode::GoingAway) => Self::GoingAway,
            Some(CloseCode::SlowConsumer) => Self::SlowConsumer,
            Some(CloseCode::AuthExpired) => Self::AuthExpired,
            Some(CloseCode::BadProtocol) => Self::BadProtocol,
            Some(CloseCode::Unauthorized) => Self::Unauthorized,
            Some(CloseCode::OriginRefused) => Self::OriginRefused,
            Some(CloseCode::Revoked) => Self::Revoked,
        }
    }
}
