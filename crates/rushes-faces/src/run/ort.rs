//! ONNX Runtime, from a library that lies on this machine. One library for each process: the first that is loaded.

use super::{Run, refuse, unloadable};
use ::ort::environment::Environment;
use ::ort::ep::CPU;
use ::ort::session::Session;
use ::ort::value::TensorRef;
use rushes_core::Fault;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was loaded stays loaded.
static LOADED: Mutex<Option<Environment>> = Mutex::new(None);

/// The library, loaded.
pub(crate) struct Ort {
    environment: Environment,
}

impl Ort {
    pub(super) fn load(library: &Path) -> Result<Self, Fault> {
        if !library.is_file() {
            return Err(unloadable(library, "there is no such file"));
        }
        let mut loaded = lock(&LOADED);
        if let Some(environment) = &*loaded {
            return Ok(Self { environment: environment.clone() });
        }
        // As seen from here, not from where the program lies.
        let path = std::path::absolute(library).map_err(|error| unloadable(library, error))?;
        let builder = ::ort::init_from(path).map_err(|error| unloadable(library, error))?;
        let environment = builder.with_name("rushes").with_telemetry(false).build().map_err(|error| unloadable(library, error))?;
        *loaded = Some(environment.clone());
        Ok(Self { environment })
    }

    pub(super) fn open(&self, bytes: Vec<u8>) -> Result<Box<dyn Run>, Fault> {
        let loaded = Loaded { environment: self.environment.clone(), bytes: bytes.into(), idle: Mutex::default() };
        let session = loaded.session().map_err(|error| refuse("open model", error))?;
        lock(&loaded.idle).push(session);
        Ok(Box::new(loaded))
    }
}

struct Loaded {
    environment: Environment,
    bytes: Arc<[u8]>,
    /// A session answers one at a time: there are as many as have been asked at once.
    idle: Mutex<Vec<Session>>,
}

impl Loaded {
    fn session(&self) -> Result<Session, String> {
        let builder = Session::builder(&self.environment).map_err(|error| error.to_string())?;
        let builder = builder.with_intra_threads(1).map_err(|error| error.to_string())?;
        let builder = builder.with_inter_threads(1).map_err(|error| error.to_string())?;
        // Photos are of many sizes: a plan of memory made for one is of no use to the next.
        let builder = builder.with_memory_pattern(false).map_err(|error| error.to_string())?;
        // It would grow to the next power of two of the largest photo, in each session, and give nothing back.
        let no_arena = CPU::default().with_arena_allocator(false).build();
        let mut builder = builder.with_execution_providers([no_arena]).map_err(|error| error.to_string())?;
        builder.commit_from_memory(&self.bytes).map_err(|error| error.to_string())
    }
}

impl Run for Loaded {
    fn run(&self, shape: [usize; 4], input: Vec<f32>) -> Result<Vec<Vec<f32>>, Fault> {
        let failed = |error: String| refuse("run model", error);
        let idle = lock(&self.idle).pop();
        let mut session = idle.map_or_else(|| self.session(), Ok).map_err(failed)?;
        let answered = answer(&mut session, shape, &input);
        lock(&self.idle).push(session);
        answered.map_err(|error| failed(error.to_string()))
    }
}

fn answer(session: &mut Session, shape: [usize; 4], input: &[f32]) -> ::ort::Result<Vec<Vec<f32>>> {
    let names: Vec<String> = session.outputs().iter().map(|output| output.name().to_owned()).collect();
    let outputs = session.run(::ort::inputs![TensorRef::from_array_view((shape, input))?])?;
    names.iter().map(|name| Ok(outputs[name.as_str()].try_extract_tensor::<f32>()?.1.to_vec())).collect()
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
