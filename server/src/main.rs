//! The `readrealm-server` binary: arguments, log lines and signals. Everything else is in the library.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;
use readrealm_server::cli::{Cli, Command};
use readrealm_server::config::Config;
use readrealm_server::{admin, logging};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { config, command } = Cli::parse();
    logging::start(config.log_format);
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
    let listener = match TcpListener::bind(config.listen).await {
        Ok(listener) => listener,
        Err(error) => return fail(&format!("cannot listen on {}: {error}", config.listen)),
    };
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone()));
    match readrealm_server::run(config, listener, shutdown).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
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

fn fail(sentence: &str) -> ExitCode {
    eprintln!("readrealm-server: {sentence}");
    ExitCode::FAILURE
}

#[cfg(unix)]
async fn cancel_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    if let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        shutdown.cancel();
    }
}

#[cfg(not(unix))]
async fn cancel_on_signal(shutdown: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_ok() {
        shutdown.cancel();
    }
}
