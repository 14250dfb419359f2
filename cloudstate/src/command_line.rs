//! Reads settings from flags and environment, and says what is wrong with them.

use clap::{
    Arg, Args, Command, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{Settings, error::Kind};

/// Why there are no settings to run with.
#[derive(Debug)]
pub(crate) enum NoSettings {
    /// `--help` or `--version` was asked for, and this is the answer.
    Asked(clap::builder::StyledStr),
    /// A setting is bad.
    Bad(Kind),
}

/// What `--help` and `--version` say about the program.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Full names of the services.
    pub(crate) services: Vec<&'static str>,
}

/// Reads the settings from these arguments, the program's own name first, and from the environment.
pub(crate) fn read(
    program: &Program,
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Settings, NoSettings> {
    let mut command = command(program);
    command
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| Settings::from_arg_matches(&matches))
        .map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => NoSettings::Asked(error.render()),
            _ => NoSettings::Bad(Kind::Setting(complaint(&command, &error))),
        })
}

fn command(program: &Program) -> Command {
    let version = format!(
        "{} (cloudstate {})",
        program.version,
        env!("CARGO_PKG_VERSION")
    );
    let about = match &*program.services {
        [] => "Serves nothing: no entity is registered.".into(),
        services => format!("Serves {}.", services.join(", ")),
    };
    // The description of `Settings` is for those who read its documentation.
    Settings::augment_args(Command::new(program.name.clone()))
        .version(version.trim_start().to_owned())
        .about(about)
        .long_about(None)
        .after_help(examples(&program.name))
        // What is set now may be a secret, and says nothing about the program.
        .mut_args(|argument| argument.hide_env_values(true))
}

fn examples(name: &str) -> String {
    let mut text = String::from("Examples:\n");
    if cfg!(feature = "embedded") {
        text += &format!("  {name}\n      serve clients on port 9000, store in ./data/{name}\n");
        text += &format!("  {name} --store memory --http-port 0\n");
        text += "      store nothing, and pick a free port\n";
    }
    text += &format!("  CLOUDSTATE_ROLE=user-function HOST=0.0.0.0 {name}\n");
    text += "      serve a Cloudstate proxy on port 8080\n";
    text += &format!("  RUST_LOG=debug {name}\n      log more to stderr; the default is info\n\n");
    text + "A bad setting ends the program with exit code 78 before a port is bound."
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
        return error
            .render()
            .to_string()
            .trim_start_matches("error: ")
            .trim_end()
            .into();
    };
    let mut complaint = format!("{}: {value:?} is not accepted", names(argument));
    if let Some(ContextValue::Strings(accepted)) = error.get(ContextKind::ValidValue)
        && !accepted.is_empty()
    {
        complaint += &format!("; it is one of: {}", accepted.join(", "));
    } else if let Some(reason) = std::error::Error::source(error) {
        complaint += &format!(": {reason}");
    }
    if let Some(help) = argument.get_help() {
        complaint += &format!("\n  {help}");
    }
    if let [default] = argument.get_default_values() {
        complaint += &format!("\n  Its default is {}.", default.to_string_lossy());
    }
    complaint
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

#[cfg(test)]
mod tests {
    use super::{NoSettings, Program, command, read};
    use crate::{Settings, settings::Role};

    fn program() -> Program {
        Program {
            name: "shop".into(),
            version: "1.2.3".into(),
            services: vec!["com.example.Shop", "com.example.Till"],
        }
    }

    fn settings(arguments: &[&str]) -> Result<Settings, NoSettings> {
        let arguments = ["shop"].iter().chain(arguments).map(Into::into);
        read(&program(), arguments)
    }

    fn complaint(arguments: &[&str]) -> String {
        match settings(arguments) {
            Err(NoSettings::Bad(kind)) => kind.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_are_consistent() {
        command(&program()).debug_assert();
    }

    #[test]
    fn every_setting_has_a_variable_a_description_and_a_heading() {
        let command = command(&program());
        for argument in command.get_arguments() {
            let name = argument.get_id();
            assert!(argument.get_env().is_some(), "{name}");
            assert!(argument.get_help().is_some(), "{name}");
            assert!(argument.get_help_heading().is_some(), "{name}");
        }
    }

    #[test]
    fn a_bad_value_is_named_with_what_is_accepted() {
        let text = complaint(&["--port", "many"]);
        let expected = "PORT (--port): \"many\" is not accepted: write a number from 0 to 65535\n  \
                        Port of the protocol server; 0 picks a free one\n  Its default is 8080.";
        assert_eq!(text, expected);
        let text = complaint(&["--role", "king"]);
        assert!(text.starts_with("CLOUDSTATE_ROLE (--role): "), "{text}");
        assert!(text.contains("user-function"), "{text}");
        let text = complaint(&["--protocol-message-size", "0"]);
        assert!(text.contains("write a positive number of bytes"), "{text}");
    }

    #[test]
    fn an_unknown_flag_is_refused() {
        assert!(complaint(&["--colour"]).contains("--colour"));
    }

    #[test]
    fn help_and_version_are_answers() {
        for (flag, expected) in [("--help", "com.example.Till"), ("--version", "shop 1.2.3")] {
            match settings(&[flag]) {
                Err(NoSettings::Asked(text)) => {
                    println!("{}", text.ansi());
                    assert!(text.to_string().contains(expected), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn flags_are_read() {
        let settings = settings(&["--role", "user-function", "--port", "0"]).unwrap();
        assert_eq!((settings.role, settings.port), (Role::UserFunction, 0));
    }
}
