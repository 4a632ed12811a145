//! `revoke`, `lift` and `revocations`: what counts no more before its time. All three work beside live servers.

use clap::Args;
use readrealm_protocol::{Timestamp, UserId};
use serde_json::json;

use super::writer::Output;
use super::{AdminError, say, visible};
use crate::auth::revoked::{Revocation, Subject, TokenId};
use crate::log::open::StoreUrl;
use crate::revocation::{self, Revocations};

/// Revocations of one read.
const PAGE: u32 = 1_000;

/// Revoke the tokens of a user, or one token, on every node within two seconds.
///
/// Open connections are closed with 4104, new ones are refused with it, and reading over HTTP is answered 401.
///
/// --user revokes what was issued (`iat`) to the user until now, and by five seconds later: who logs in anew after that comes in. --ban revokes
/// what will be issued, too. Give --until where it is known: a revocation of tokens that have expired since is of no use any
/// more. A revocation that stands is never made weaker by another; `lift` ends it.
#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    whom: Whom,

    /// With --user: tokens that are issued later as well.
    #[arg(long, conflicts_with = "token")]
    ban: bool,

    /// When it ends: a time, as 2026-08-01T00:00:00Z, or how long from now, as 12h. Without it: when it is lifted.
    #[arg(long, value_name = "TIME", value_parser = end)]
    until: Option<Timestamp>,
}

/// Lift what was revoked of a user, a ban as well, or of a token.
#[derive(Debug, Args)]
pub struct Lift {
    #[command(flatten)]
    whom: Whom,
}

/// List the revocations that stand.
#[derive(Debug, Args)]
pub struct ShowRevocations {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// The user's id, the `sub` of their tokens.
    #[arg(long, value_name = "ID", value_parser = |text: &str| UserId::try_from(text))]
    user: Option<UserId>,

    /// A token's id, its `jti`. Not the token itself.
    #[arg(long, value_name = "JTI", value_parser = |text: &str| TokenId::try_from(text))]
    token: Option<TokenId>,
}

impl Whom {
    /// What may stand of them.
    fn subjects(&self) -> Vec<Subject> {
        let user = self.user.iter().cloned();
        let users = user.flat_map(|user| [Subject::User(user.clone()), Subject::Ban(user)]);
        users.chain(self.token.iter().cloned().map(Subject::Token)).collect()
    }
}

fn end(text: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    let until = match humantime::parse_duration(text) {
        Ok(time) => {
            let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(now.as_millis().saturating_add(millis))
        }
        Err(_) => text
            .parse()
            .map_err(|_| "expected a time, as 2026-08-01T00:00:00Z, or how long from now, as 12h".to_owned())?,
    };
    if until <= now {
        return Err("that is over already".to_owned());
    }
    Ok(until)
}

async fn open(store: &StoreUrl) -> Result<std::sync::Arc<dyn Revocations>, AdminError> {
    // It also refuses a store in memory, which nobody else can look into.
    super::must_exist(store).await?;
    Ok(revocation::open(store).await?)
}

impl Revoke {
    /// Runs the command.
    pub async fn run(self, store: &StoreUrl) -> Result<(), AdminError> {
        let revocations = open(store).await?;
        let mut all = self.whom.subjects().into_iter();
        let subject = all.rfind(|subject| matches!(subject, Subject::Ban(_)) == self.ban);
        let Some(subject) = subject else {
            return Err(AdminError::refused("name a user or a token"));
        };
        let revocation = Revocation {
            subject,
            at: revocations.now().await?,
            until: self.until.unwrap_or(Timestamp::MAX),
        };
        let stands = revocations.revoke(&revocation).await?;
        revocations.close().await;
        say(&format!("revoked: {}", sentence(&stands)))
    }
}

impl Lift {
    /// Runs the command. It is refused where nothing stands.
    pub async fn run(self, store: &StoreUrl) -> Result<(), AdminError> {
        let revocations = open(store).await?;
        let mut lifted = 0;
        for subject in self.whom.subjects() {
            lifted += u64::from(revocations.lift(&subject).await?);
        }
        revocations.close().await;
        if lifted == 0 {
            return Err(AdminError::refused("nothing of them is revoked"));
        }
        say("lifted")
    }
}

impl ShowRevocations {
    /// Runs the command.
    pub async fn run(self, store: &StoreUrl) -> Result<(), AdminError> {
        let revocations = open(store).await?;
        let mut output = Output::stdout();
        let mut after = None;
        loop {
            let page = revocations.list(after.as_ref(), PAGE).await?;
            for revocation in &page {
                output.line(&if self.json {
                    line(revocation)
                } else {
                    sentence(revocation)
                })?;
            }
            match page.into_iter().next_back() {
                Some(last) => after = Some(last.subject),
                None => break,
            }
        }
        revocations.close().await;
        output.finish()
    }
}

fn sentence(revocation: &Revocation) -> String {
    let Revocation { subject, at, until } = revocation;
    let what = match subject {
        Subject::User(user) => format!("every token of user {} issued by {at}", visible(user.as_str())),
        Subject::Ban(user) => format!("every token of user {}", visible(user.as_str())),
        Subject::Token(token) => format!("token {}", visible(token.as_str())),
    };
    if *until == Timestamp::MAX {
        format!("{what}, until it is lifted")
    } else {
        format!("{what}, until {until}")
    }
}

fn line(revocation: &Revocation) -> String {
    let Revocation { subject, at, until } = revocation;
    let mut line = match subject {
        Subject::User(user) => json!({ "user": user }),
        Subject::Ban(user) => json!({ "user": user, "ban": true }),
        Subject::Token(token) => json!({ "token": token.as_str() }),
    };
    line["at"] = json!(at);
    if *until < Timestamp::MAX {
        line["until"] = json!(until);
    }
    line.to_string()
}
