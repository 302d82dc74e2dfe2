//! The section of `rushes.toml` for `rushes worker`: whose work it does, and with which models.

use super::refuse;
use rushes_core::Fault;
use rushes_core::gpu::{Limits, Profile};
use rushes_core::work::is_word;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A worker beside a graphics card.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WorkerSection {
    /// The address of `rushes serve`.
    pub(crate) server: String,
    /// A key of the scope `work`, `env:NAME` or `file:/path`; None where the server asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// Unique among the workers; None = the machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// What else it is called; jobs may ask for a label.
    pub(crate) labels: Vec<String>,
    /// The address of ComfyUI.
    pub(crate) comfyui: String,
    /// The command that starts ComfyUI, which the worker then keeps running; empty = somebody else sees to that.
    pub(crate) command: Vec<String>,
    /// Where that command is run; None = here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<String>,
    /// How long ComfyUI may take until it answers after it was started, seconds.
    pub(crate) starts_within_s: u32,
    /// How long a file may take before ComfyUI is taken for stuck, seconds.
    pub(crate) file_limit_s: u32,
    /// Nobody is to wait longer for the start of a job, seconds.
    pub(crate) max_wait_s: u32,
    /// After so much work a family makes room for one that waits, seconds.
    pub(crate) turn_s: u32,
    /// So long a job waits beside an idle card before what is loaded is thrown out for it, seconds.
    pub(crate) patience_s: u32,
    /// The families of models it has, by name; none = `sdxl` and `wan22`, as they come.
    pub(crate) families: BTreeMap<String, FamilySection>,
}

/// A family of models: what is loaded together, and run from one graph.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FamilySection {
    /// `sdxl`, `wan22_i2v`, or the path of a graph of one's own, `NAME.json` with `NAME.inputs.toml` beside it.
    pub(crate) graph: String,
    /// Memory of the card that it needs while it runs, MB.
    pub(crate) vram_mb: u32,
    /// How long one of its jobs typically takes, seconds.
    pub(crate) job_s: u32,
    /// How long it takes to load, seconds.
    pub(crate) switch_s: u32,
}

impl Default for FamilySection {
    fn default() -> Self {
        Self { graph: String::new(), vram_mb: 10_500, job_s: 9, switch_s: 12 }
    }
}

impl Default for WorkerSection {
    fn default() -> Self {
        let Limits { max_wait_s, turn_s, patience_s } = Limits::default();
        Self {
            server: "http://127.0.0.1:8787".into(),
            key: None,
            name: None,
            labels: Vec::new(),
            comfyui: "http://127.0.0.1:8188".into(),
            command: Vec::new(),
            folder: None,
            starts_within_s: 180,
            file_limit_s: 1_800,
            max_wait_s,
            turn_s,
            patience_s,
            families: BTreeMap::new(),
        }
    }
}

impl WorkerSection {
    /// The families it has, those that come with the program where none are named.
    pub(crate) fn families(&self) -> BTreeMap<String, FamilySection> {
        if !self.families.is_empty() {
            return self.families.clone();
        }
        let sdxl = FamilySection { graph: "sdxl".into(), ..FamilySection::default() };
        let wan22 = FamilySection { graph: "wan22_i2v".into(), vram_mb: 21_000, job_s: 75, switch_s: 45 };
        BTreeMap::from([("sdxl".to_owned(), sdxl), ("wan22".to_owned(), wan22)])
    }

    pub(crate) fn profiles(&self) -> Vec<Profile> {
        let of = |(family, section): (String, FamilySection)| {
            let FamilySection { vram_mb, job_s, switch_s, .. } = section;
            Profile { family, vram_mb, job_s, switch_s }
        };
        self.families().into_iter().map(of).collect()
    }

    /// Errors: `config_invalid`.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let names = self.families.keys().chain(&self.labels).chain(&self.name);
        if let Some(name) = names.into_iter().find(|name| !is_word(name)) {
            return refuse("worker", &format!("{name:?} is no name: 1 to 64 letters, digits, -, _ and ."));
        }
        for (family, section) in &self.families {
            if section.graph.is_empty() || section.vram_mb == 0 || section.job_s == 0 {
                let reason = "say its graph (sdxl, wan22_i2v or a path), and vram_mb and job_s above 0";
                return refuse(&format!("worker.families.{family}"), reason);
            }
        }
        if self.starts_within_s == 0 || self.file_limit_s == 0 || self.max_wait_s == 0 || self.turn_s == 0 {
            return refuse("worker", "starts_within_s, file_limit_s, max_wait_s and turn_s are 1 or more");
        }
        Ok(())
    }
}
