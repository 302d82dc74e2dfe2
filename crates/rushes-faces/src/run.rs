//! Runs a model: one small trait, kept by two libraries. One thread for each inference; how many at once is the caller's.

mod free;
mod ort;
mod rten;

use rushes_core::{Code, Fault};
use std::path::{Path, PathBuf};

pub(crate) use free::free;

/// What computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runtime {
    /// ONNX Runtime where `ORT_DYLIB_PATH` names its library, or this file is one, and it can be loaded; else rten.
    Auto(Option<PathBuf>),
    /// rten: pure Rust, always there.
    Rten,
    /// ONNX Runtime from this library.
    Ort(PathBuf),
}

/// A model that was loaded. Asked from several threads at once.
pub(crate) trait Run: Send + Sync {
    /// Its outputs, in the model's order, for one input of this shape.
    fn run(&self, shape: [usize; 4], input: Vec<f32>) -> Result<Vec<Vec<f32>>, Fault>;
}

/// What computes here, made ready.
pub(crate) enum Engine {
    Rten(rten::Rten),
    Ort(ort::Ort),
}

impl Engine {
    /// Errors: `config_invalid` where a library was named outright and cannot be loaded.
    pub(crate) fn ready(runtime: &Runtime) -> Result<Self, Fault> {
        match runtime {
            Runtime::Rten => Ok(Self::Rten(rten::Rten::new())),
            Runtime::Ort(library) => ort::Ort::load(library).map(Self::Ort),
            Runtime::Auto(library) => {
                let named = || std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
                let Some(library) = library.clone().or_else(named) else { return Self::ready(&Runtime::Rten) };
                ort::Ort::load(&library).map(Self::Ort).or_else(|fault| {
                    tracing::warn!(%fault, "faces are computed by rten, three times as slowly");
                    Self::ready(&Runtime::Rten)
                })
            }
        }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Rten(_) => "rten",
            Self::Ort(_) => "ort",
        }
    }

    /// A model from its bytes, ONNX. Errors: `faces_off` for one it cannot run.
    pub(crate) fn open(&self, bytes: Vec<u8>) -> Result<Box<dyn Run>, Fault> {
        match self {
            Self::Rten(rten) => rten.open(bytes),
            Self::Ort(ort) => ort.open(bytes),
        }
    }
}

/// A model that cannot be used, or that failed while it ran.
fn refuse(operation: &str, why: impl std::fmt::Display) -> Fault {
    Fault::new(Code::FacesOff, operation).because(why)
}

/// A library that cannot be loaded.
fn unloadable(library: &Path, why: impl std::fmt::Display) -> Fault {
    Fault::new(Code::ConfigInvalid, "load ONNX Runtime").with("library", library.display()).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_a_library_that_is_named_outright_has_to_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("libonnxruntime.so");
        let fault = Engine::ready(&Runtime::Ort(absent.clone())).err().unwrap();
        assert!(fault.code == Code::ConfigInvalid && fault.to_string().contains("libonnxruntime.so"), "{fault}");
        assert_eq!(Engine::ready(&Runtime::Auto(Some(absent))).unwrap().name(), "rten");
        assert_eq!(Engine::ready(&Runtime::Rten).unwrap().name(), "rten");
    }

    #[test]
    fn run_refuses_what_is_no_model() {
        let rten = Engine::ready(&Runtime::Rten).unwrap();
        assert_eq!(rten.open(b"no model".to_vec()).err().unwrap().code, Code::FacesOff);
    }
}
