//! rten: pure Rust.

use super::{Run, refuse};
use ::rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use rushes_core::Fault;
use std::sync::{Arc, Mutex, PoisonError};

/// Its threads: each inference has one of its own while it runs, and leaves it to the next.
pub(crate) struct Rten {
    idle: Arc<Mutex<Vec<Arc<ThreadPool>>>>,
}

impl Rten {
    pub(super) fn new() -> Self {
        Self { idle: Arc::default() }
    }

    pub(super) fn open(&self, bytes: Vec<u8>) -> Result<Box<dyn Run>, Fault> {
        let model = ModelOptions::with_all_ops().prepack_weights(true).load(bytes).map_err(|error| refuse("open model", error))?;
        let [input] = model.input_ids()[..] else { return Err(refuse("open model", "it has not one input")) };
        Ok(Box::new(Loaded { outputs: model.output_ids().to_vec(), input, model, idle: Arc::clone(&self.idle) }))
    }
}

struct Loaded {
    model: Model,
    input: NodeId,
    outputs: Vec<NodeId>,
    idle: Arc<Mutex<Vec<Arc<ThreadPool>>>>,
}

impl Run for Loaded {
    fn run(&self, shape: [usize; 4], input: Vec<f32>) -> Result<Vec<Vec<f32>>, Fault> {
        let lock = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let thread = lock().pop().unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)));
        let mut options = RunOptions::default();
        options.thread_pool = Some(Arc::clone(&thread));
        let input = NdTensor::from_data(shape, input);
        let answered = self.model.run(vec![(self.input, input.into())], &self.outputs, Some(options));
        lock().push(thread);
        let failed = |error: String| refuse("run model", error);
        answered
            .map_err(|error| failed(error.to_string()))?
            .into_iter()
            .map(|value| value.into_tensor::<f32>().map(|tensor| tensor.to_vec()).ok_or_else(|| failed("an output holds no f32".into())))
            .collect()
    }
}
