//! The `readrealm-server` binary: arguments, log lines and signals. Everything else is in the library.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use readrealm_server::cli::{Cli, Command};
use readrealm_server::config::Config;
use readrealm_server::shutdown::{Shutdown, obey_signals};
use readrealm_server::transport::listen::Bound;
use readrealm_server::{admin, logging};
use tokio::runtime::Runtime;

/// A message is some fifty small allocations over several threads: docs/performance.md says what this one saves of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::of_process();
    logging::start(cli.config.log_format);
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no runtime: {error}")),
    };
    let code = runtime.block_on(run(cli));
    // Not shut down: what other threads still do, as opening a log that nobody waits for any more, would hold up the end; and
    // MongoDB's driver panics where one of its tasks asks another that was ended before it. What had to be finished is.
    std::mem::forget(runtime);
    code
}

async fn run(Cli { config, command }: Cli) -> ExitCode {
    match command {
        None => serve(config).await,
        Some(Command::Log(command)) => admin::run(command, &config.store).await,
        Some(Command::ImportMessages(command)) => command.run(&config.store).await,
        Some(Command::Revoke(command)) => admin::ended(command.run(&config.store).await),
        Some(Command::Lift(command)) => admin::ended(command.run(&config.store).await),
        Some(Command::Revocations(command)) => admin::ended(command.run(&config.store).await),
        Some(Command::Health(health)) => match health.run(&config).await {
            Ok(said) => print(&said),
            Err(why) => fail(&why),
        },
        Some(Command::Token(token)) => match token.mint(&config.auth) {
            Ok(token) => print(&token),
            Err(error) => fail(&error.to_string()),
        },
    }
}

async fn serve(config: Config) -> ExitCode {
    let format = config.log_format;
    let ended = |why: &str| {
        logging::last_words(format, why);
        ExitCode::FAILURE
    };
    let shutdown = Shutdown::default();
    if let Err(error) = obey_signals(shutdown.clone(), config.tls_cert.is_some()) {
        return ended(&format!("signals cannot be heard: {error}"));
    }
    let socket = match Bound::to(config.listen) {
        Ok(socket) => socket,
        Err(error) => return ended(&format!("cannot listen on {}: {error}", config.listen)),
    };
    match readrealm_server::run(config, socket, shutdown).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ended(&error.to_string()),
    }
}

fn print(line: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{line}") {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has enough of it.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => fail(&error.to_string()),
    }
}

/// Commands are read by people, whatever the format of log lines.
fn fail(sentence: &str) -> ExitCode {
    eprintln!("readrealm-server: {sentence}");
    ExitCode::FAILURE
}
