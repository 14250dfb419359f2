//! The settings, and the one call that compiles.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    comments,
    conversions::{self, Conversion},
    error::Error,
    messages, names, packages,
    services::{Markers, descriptor_file},
    sources::Sources,
};

/// Settings of a compilation; [`configure`](crate::configure) makes one.
#[derive(Clone, Debug)]
#[must_use = "nothing is compiled before `compile` is called"]
pub struct Config {
    includes: Vec<PathBuf>,
    cloudstate: String,
    type_attributes: Vec<(String, String)>,
    field_attributes: Vec<(String, String)>,
    conversions: Vec<Conversion>,
    out_dir: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            includes: Vec::new(),
            cloudstate: "::cloudstate".to_owned(),
            type_attributes: Vec::new(),
            field_attributes: Vec::new(),
            conversions: Vec::new(),
            out_dir: None,
        }
    }
}

impl Config {
    /// Adds a directory in which imports are looked up; earlier ones take precedence.
    ///
    /// Once one is added, no directory is guessed: every file must lie in one of them.
    pub fn include(mut self, directory: impl Into<PathBuf>) -> Self {
        self.includes.push(directory.into());
        self
    }

    /// Names the crate `cloudstate` as generated code shall; by default `::cloudstate`.
    ///
    /// The path must hold everywhere in the crate, so it starts with `::` or `crate::`.
    pub fn cloudstate_path(mut self, path: impl Into<String>) -> Self {
        self.cloudstate = path.into();
        self
    }

    /// Adds an attribute to the messages, enums and oneofs that `path` matches.
    ///
    /// `path` is a full name with a leading dot (`.com.example.Cart`), a package, the end of a name (`Cart`), or `.` for
    /// everything. `attribute` is Rust, such as `#[derive(serde::Serialize)]`.
    pub fn type_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.type_attributes.push((path.into(), attribute.into()));
        self
    }

    /// Adds an attribute to the fields that `path` matches; paths are those of [`type_attribute`](Self::type_attribute)
    /// with the field's name added.
    pub fn field_attribute(
        mut self,
        path: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        self.field_attributes.push((path.into(), attribute.into()));
        self
    }

    /// Writes `impl From<from> for to`, for messages that share fields: a command and its event, a state and its view.
    ///
    /// Every field of `to` must be a field of `from` with the same type; fields that only `from` has are dropped. Names
    /// are full names, or names within the package of a file that is compiled: `AddLineItem`, `persistence.LineItem`.
    pub fn conversion(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.conversions.push(Conversion {
            from: from.into(),
            to: to.into(),
        });
        self
    }

    /// Writes to this directory instead of Cargo's `OUT_DIR`.
    pub fn out_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(directory.into());
        self
    }

    /// Compiles `files` and what they import, and tells Cargo which files to watch.
    ///
    /// # Errors
    /// A file is missing or is not valid (the error's text has file, line and column), two items would have the same
    /// name in Rust, or the output cannot be written.
    pub fn compile(&self, files: &[impl AsRef<Path>]) -> Result<(), Error> {
        let out_dir = match (&self.out_dir, env::var_os("OUT_DIR")) {
            (Some(directory), _) => directory.clone(),
            (None, Some(directory)) => directory.into(),
            (None, None) => {
                return Err(Error::new(
                    "OUT_DIR is not set; compile from build.rs, or name a directory with `out_dir`",
                ));
            }
        };
        let files: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();
        let sources = Sources::new(self.includes(&files));
        let output = self.generate(&files, &sources);
        // Also after an error: the next build shall see the correction.
        for path in watched(&sources, &out_dir) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        for (name, contents) in output? {
            let path = out_dir.join(name);
            if fs::read(&path).ok().as_ref() != Some(&contents) {
                fs::write(&path, contents).map_err(|cause| Error::io("write", &path, &cause))?;
            }
        }
        Ok(())
    }

    /// The include paths: those given, or else what a package usually has.
    fn includes(&self, files: &[&Path]) -> Vec<PathBuf> {
        if !self.includes.is_empty() {
            return self.includes.clone();
        }
        let mut includes = vec![PathBuf::from("proto")];
        includes.retain(|proto| proto.is_dir());
        for file in files {
            let directory = match file.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            };
            if !includes.iter().any(|include| include == directory) {
                includes.push(directory.to_owned());
            }
        }
        includes
    }

    /// Every output file's name and contents.
    fn generate(
        &self,
        files: &[&Path],
        sources: &Sources,
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let root = self.cloudstate.split("::").next();
        if !matches!(root, Some("" | "crate")) {
            return Err(Error::new(format!(
                "cloudstate_path: `{}` must start with `::` or `crate::`",
                self.cloudstate
            )));
        }
        let mut compiler = protox::Compiler::with_file_resolver(sources.clone());
        compiler.include_imports(true).include_source_info(true);
        for file in files {
            compiler
                .open_file(file)
                .map_err(|error| describe(&error, file, sources))?;
        }
        let set = compiler.file_descriptor_set();
        let own: Vec<_> = set
            .file
            .iter()
            .filter(|file| !messages::is_provided(file))
            .collect();
        names::check(&own, sources)?;
        let with_services: Vec<String> = own
            .iter()
            .filter(|file| !file.service.is_empty())
            .map(|file| descriptor_file(file.package()))
            .collect();
        // Not encoded from `set`: only the compiler's own bytes keep custom options.
        let descriptors = compiler
            .include_source_info(false)
            .encode_file_descriptor_set();
        let descriptors = comments::add(&descriptors, &own)?;

        let mut config = messages::prost_config(&self.cloudstate)?;
        for (path, attribute) in &self.type_attributes {
            config.type_attribute(path, attribute);
        }
        for (path, attribute) in &self.field_attributes {
            config.field_attribute(path, attribute);
        }
        let markers = Box::new(Markers::new(self.cloudstate.clone()));
        let asked_for: Vec<&str> = compiler
            .files()
            .filter(|file| !file.is_import())
            .map(|file| file.name())
            .collect();
        let compiled: Vec<&str> = own
            .iter()
            .filter(|file| asked_for.contains(&file.name()))
            .map(|file| file.package())
            .collect();
        let conversions = conversions::generate(&self.conversions, &own, &compiled)?;
        let mut code = messages::generate(config, markers, set.file)
            .map_err(|cause| Error::new(cause.to_string()))?;
        for (package, text) in conversions {
            code.entry(package).or_default().push_str(&text);
        }

        let mut output: BTreeMap<String, Vec<u8>> = packages::files(&code)
            .into_iter()
            .map(|(name, text)| (name, text.into_bytes()))
            .collect();
        for name in with_services {
            output.insert(name, descriptors.clone());
        }
        Ok(output)
    }
}

/// A file named by the caller has no import that could be pointed at, so its error says what to do instead.
fn describe(error: &protox::Error, file: &Path, sources: &Sources) -> Error {
    if !error.is_file_not_found() || error.file().is_some() {
        return Error::from_protox(error, sources);
    }
    if !file.exists() {
        return Error::new(format!(
            "{}: no such file; paths are relative to the package's directory",
            file.display()
        ));
    }
    let includes: Vec<String> = sources
        .includes()
        .iter()
        .map(|include| format!("`{}`", include.display()))
        .collect();
    Error::new(format!(
        "{}: in none of the include paths ({}); add its directory with `include`",
        file.display(),
        includes.join(", ")
    ))
}

/// What Cargo has to watch: the files that were read, and the directories where another one may appear.
fn watched(sources: &Sources, out_dir: &Path) -> Vec<PathBuf> {
    let mut paths = sources.read();
    // Cargo watches everything below a directory. One that holds the output or the whole package would always have changed.
    let package = env::current_dir().ok();
    let holds = |directory: &Path, inner: &Path| {
        matches!((directory.canonicalize(), inner.canonicalize()),
            (Ok(directory), Ok(inner)) if inner.starts_with(&directory))
    };
    for include in sources.includes() {
        let too_wide = holds(include, out_dir)
            || package
                .as_ref()
                .is_some_and(|package| holds(include, package));
        if include.is_dir() && !too_wide {
            paths.push(include.clone());
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_include_paths_each_file_brings_its_directory() {
        let files = [
            Path::new("a/x.proto"),
            Path::new("y.proto"),
            Path::new("a/z.proto"),
        ];
        let includes = Config::default().includes(&files);
        assert_eq!(includes, [PathBuf::from("a"), PathBuf::from(".")]);
        let given = Config::default().include("here").includes(&files);
        assert_eq!(given, [PathBuf::from("here")]);
    }

    #[test]
    fn cargo_watches_what_was_read_and_no_directory_that_holds_the_output() {
        let root = tempfile::tempdir().unwrap();
        let (proto, out) = (root.path().join("proto"), root.path().join("out"));
        fs::create_dir_all(&proto).unwrap();
        fs::create_dir_all(&out).unwrap();
        fs::write(
            proto.join("a.proto"),
            "syntax = \"proto3\"; import \"b.proto\";",
        )
        .unwrap();
        fs::write(proto.join("b.proto"), "syntax = \"proto3\"; broken").unwrap();

        let sources = Sources::new(vec![root.path().to_owned(), proto.clone()]);
        let a = proto.join("a.proto");
        let config = Config::default();
        assert!(config.generate(&[&a], &sources).is_err());
        let watched = watched(&sources, &out);
        assert!(watched.contains(&a) && watched.contains(&proto.join("b.proto")));
        assert!(
            watched.contains(&proto) && !watched.contains(&root.path().to_owned()),
            "{watched:?}"
        );
    }
}
