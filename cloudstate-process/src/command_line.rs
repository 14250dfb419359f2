//! Reads settings from flags and environment, and says what is wrong with them.

use std::{env, error::Error, ffi::OsString, fmt::Write};

use clap::{
    Arg, Args, Command, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    BAD_SETTING,
    logging::{self, LogFormat},
};

/// What `--help` and `--version` say about a program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name, as people type it.
    pub name: String,
    /// What follows the name in the answer to `--version`.
    pub version: String,
    /// What it does, in a sentence.
    pub about: String,
    /// Command lines worth knowing, and what each does.
    pub examples: Vec<(String, String)>,
}

/// Why there are no settings to run with.
#[derive(Debug)]
pub enum NoSettings {
    /// `--help` or `--version` was asked for, and printing this answers it.
    Asked(clap::Error),
    /// A setting is bad.
    Bad(BadSetting),
}

/// A setting that is not acceptable.
///
/// The text names it by its environment variable and its flag, and says what is accepted.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct BadSetting {
    text: String,
}

impl BadSetting {
    /// A complaint that begins with the name of the setting, in the form `HTTP_PORT (--http-port)`.
    pub fn new(text: String) -> Self {
        Self { text }
    }
}

/// What every program can be told about its log.
#[derive(Args, Debug)]
#[group(skip)]
struct LogSettings {
    /// How the log looks on stderr.
    #[arg(
        long,
        env = "CLOUDSTATE_LOG_FORMAT",
        value_enum,
        default_value_t,
        help_heading = "Operation"
    )]
    log_format: LogFormat,
}

impl Program {
    /// Reads the settings of this process from its flags and environment, and logs to stderr from now on what
    /// `RUST_LOG` selects: `info` and above by default. An application's own `tracing` subscriber is left in place.
    /// The process may then have as many files and connections open as the system lets it.
    ///
    /// # Errors
    /// The exit code with which the process should now end: 0 after the answer to `--help` or `--version` was printed,
    /// [`BAD_SETTING`] after stderr was told which setting is bad.
    pub fn begin<A: Args>(&self) -> Result<A, u8> {
        let settings = self
            .matches::<A>(env::args_os())
            .and_then(|(settings, log)| {
                logging::init(log.log_format).map_err(NoSettings::Bad)?;
                #[cfg(unix)]
                crate::open_files::allow_many();
                Ok(settings)
            });
        settings.map_err(|none| match none {
            NoSettings::Asked(answer) => {
                // Nobody may be reading any more.
                let _ = answer.print();
                0
            }
            NoSettings::Bad(setting) => {
                eprintln!("error: {setting}");
                BAD_SETTING
            }
        })
    }

    /// Reads settings from these arguments, the program's own name first, and from the environment.
    ///
    /// # Errors
    /// Something else was asked for, or a setting is bad. Nothing has been printed.
    pub fn read<A: Args>(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<A, NoSettings> {
        self.matches(arguments).map(|(settings, _)| settings)
    }

    fn matches<A: Args>(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<(A, LogSettings), NoSettings> {
        let mut command = self.command::<A>();
        command
            .try_get_matches_from_mut(arguments)
            .and_then(|matches| {
                let log = LogSettings::from_arg_matches(&matches)?;
                Ok((A::from_arg_matches(&matches)?, log))
            })
            .map_err(|error| match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => NoSettings::Asked(error),
                _ => NoSettings::Bad(BadSetting::new(complaint(&command, &error))),
            })
    }

    fn command<A: Args>(&self) -> Command {
        // The description of the settings' type is for those who read its documentation.
        LogSettings::augment_args(A::augment_args(Command::new(self.name.clone())))
            .version(self.version.clone())
            .about(self.about.clone())
            .long_about(None)
            .after_help(self.after_help())
            // A column beside the flags would be narrow, or its lines long.
            .next_line_help(true)
            // What is set now may be a secret, and says nothing about the program.
            .mut_args(|argument| argument.hide_env_values(true))
    }

    fn after_help(&self) -> String {
        let mut text = String::from("Examples:\n");
        for (line, effect) in &self.examples {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {line}\n      {effect}");
        }
        text + "  RUST_LOG=debug "
            + &self.name
            + "\n      log more to stderr; the default is info\n\n\
               A flag counts more than its environment variable.\n\
               A bad setting ends the program with exit code 78 before a port is bound."
    }
}

/// Names the setting by both its names, and says what it is for and what it accepts.
fn complaint(command: &Command, error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg).and_then(|shown| {
        command
            .get_arguments()
            .find(|argument| argument.to_string() == shown)
    });
    let (Some(argument), Some(value)) = (argument, text(ContextKind::InvalidValue)) else {
        return unreadable(command, error).unwrap_or_else(|| {
            let text = error.render().to_string();
            text.trim_start_matches("error: ").trim_end().to_owned()
        });
    };
    let names = names(argument);
    let complaint = match (error.get(ContextKind::ValidValue), error.source()) {
        (_, Some(reason)) => format!("{names}: {value:?} is not accepted: {reason}"),
        (Some(ContextValue::Strings(accepted)), None) if !accepted.is_empty() => format!(
            "{names}: {value:?} is not accepted; it is one of: {}",
            accepted.join(", ")
        ),
        _ if value.is_empty() => format!("{names}: it needs a value"),
        _ => format!("{names}: {value:?} is not accepted"),
    };
    complaint + &purpose(argument)
}

/// clap does not say which value is not UTF-8.
fn unreadable(command: &Command, error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidUtf8 {
        return None;
    }
    command.get_arguments().find_map(|argument| {
        let value = env::var_os(argument.get_env()?)?;
        if value.to_str().is_some() {
            return None;
        }
        let (names, purpose) = (names(argument), purpose(argument));
        Some(format!(
            "{names}: {value:?} is not accepted: it is not UTF-8{purpose}"
        ))
    })
}

/// `HTTP_PORT (--http-port)`.
fn names(argument: &Arg) -> String {
    let flag = argument
        .get_long()
        .map_or_else(|| argument.get_id().to_string(), |long| format!("--{long}"));
    match argument.get_env() {
        Some(variable) => format!("{} ({flag})", variable.to_string_lossy()),
        None => flag,
    }
}

/// What the setting is for, and its default: a line for each that there is.
fn purpose(argument: &Arg) -> String {
    let mut purpose = String::new();
    if let Some(help) = argument.get_help() {
        purpose += &format!("\n  {help}");
    }
    if let [default] = argument.get_default_values() {
        purpose += &format!("\n  Its default is {}.", default.to_string_lossy());
    }
    purpose
}

#[cfg(test)]
mod tests {
    use clap::{Args, ValueEnum};

    use super::{NoSettings, Program};
    use crate::value;

    #[derive(Args, Debug)]
    struct Settings {
        /// Port on which clients are served; 0 picks a free one.
        #[arg(long, env = "TEST_PORT", default_value = "9000", value_parser = value::port)]
        port: u16,
        /// What this process is.
        #[arg(long, env = "TEST_ROLE")]
        role: Option<Role>,
    }

    #[derive(Clone, Debug, PartialEq, ValueEnum)]
    enum Role {
        Embedded,
        UserFunction,
    }

    fn program() -> Program {
        Program {
            name: "shop".into(),
            version: "1.2.3".into(),
            about: "Serves com.example.Till.".into(),
            examples: vec![("shop --port 0".into(), "pick a free port".into())],
        }
    }

    fn settings(arguments: &[&str]) -> Result<Settings, NoSettings> {
        program().read(["shop"].iter().chain(arguments).map(Into::into))
    }

    fn complaint(arguments: &[&str]) -> String {
        match settings(arguments) {
            Err(NoSettings::Bad(setting)) => setting.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bad_value_is_named_with_what_is_accepted() {
        let expected = "TEST_PORT (--port): \"many\" is not accepted: write a number from 0 to 65535\n  \
                        Port on which clients are served; 0 picks a free one\n  Its default is 9000.";
        assert_eq!(complaint(&["--port", "many"]), expected);
        let expected = "TEST_ROLE (--role): \"king\" is not accepted; it is one of: embedded, user-function\n  \
                        What this process is";
        assert_eq!(complaint(&["--role", "king"]), expected);
    }

    #[test]
    fn a_missing_value_is_named() {
        let text = complaint(&["--port"]);
        assert!(
            text.starts_with("TEST_PORT (--port): it needs a value\n"),
            "{text}"
        );
        let text = complaint(&["--port="]);
        assert!(
            text.starts_with("TEST_PORT (--port): \"\" is not accepted: write"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_argument_is_named() {
        assert!(complaint(&["--colour"]).contains("--colour"));
        assert!(complaint(&["serve"]).contains("serve"));
    }

    #[test]
    fn help_and_version_are_answers() {
        for (flag, expected) in [
            ("--help", &["com.example.Till", "pick a free port"][..]),
            ("--version", &["shop 1.2.3"]),
        ] {
            match settings(&[flag]) {
                Err(NoSettings::Asked(answer)) => {
                    let text = answer.to_string();
                    assert!(expected.iter().all(|part| text.contains(part)), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn flags_are_read() {
        let settings = settings(&["--role", "user-function", "--port", "0"]).unwrap();
        assert_eq!(
            (settings.role, settings.port),
            (Some(Role::UserFunction), 0)
        );
    }
}
