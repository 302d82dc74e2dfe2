//! The network between nodes and what they share, which can be cut for each node.

use rushes_testkit::cable::{Cable, Cut};
use rushes_testkit::servers::Restate;
use std::net::SocketAddr;

/// All that leads from one node to its store and to Restate, and from Restate to it.
pub(super) struct Lines {
    store: Cable,
    restate: Option<ToRestate>,
}

struct ToRestate {
    ingress: Vec<Cable>,
    admin: Vec<Cable>,
    back: Cable,
}

/// What of it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    Store,
    Restate,
    All,
}

impl Lines {
    /// For a node that Restate finds at this port.
    pub(super) async fn lay(store: SocketAddr, restate: Option<&Restate>, listening: SocketAddr) -> Self {
        let mut lines = Self { store: Cable::to(store).await, restate: None };
        if let Some(restate) = restate {
            let mut to = ToRestate { ingress: Vec::new(), admin: Vec::new(), back: Cable::to(listening).await };
            for node in 0..restate.nodes() {
                to.ingress.push(Cable::to(address_of(&restate.ingress(node))).await);
                to.admin.push(Cable::to(address_of(&restate.admin(node))).await);
            }
            lines.restate = Some(to);
        }
        lines
    }

    /// The store's address, by way of the cable.
    pub(super) fn store_uri(&self, uri: &str) -> String {
        let (before, rest) = uri.split_once('@').unwrap();
        let (_, database) = rest.split_once('/').unwrap();
        format!("{before}@{}/{database}", self.store.address())
    }

    /// What the node is told of Restate, if there is one.
    pub(super) fn engine(&self, listen: SocketAddr, advertise: SocketAddr) -> Option<String> {
        let restate = self.restate.as_ref()?;
        let all = |cables: &[Cable]| cables.iter().map(|cable| format!("\"http://{}\"", cable.address())).collect::<Vec<_>>().join(", ");
        let (ingress, admin) = (all(&restate.ingress), all(&restate.admin));
        Some(format!(
            "[engine]\nkind = \"restate\"\n[engine.restate]\ningress = [{ingress}]\nadmin = [{admin}]\nlisten = \"{listen}\"\n\
             advertise = \"http://{advertise}\"\n"
        ))
    }

    /// By which way Restate reaches the node, if there is one.
    pub(super) fn to_node(&self) -> Option<SocketAddr> {
        self.restate.as_ref().map(|restate| restate.back.address())
    }

    fn cables(&self, stretch: Stretch) -> impl Iterator<Item = &Cable> {
        let store = (stretch != Stretch::Restate).then_some(&self.store);
        let restate = self.restate.as_ref().filter(|_| stretch != Stretch::Store);
        store.into_iter().chain(restate.into_iter().flat_map(|to| to.ingress.iter().chain(&to.admin).chain([&to.back])))
    }

    /// Cuts the node off from everything.
    pub(super) fn cut(&self, cut: Cut) {
        self.cut_only(Stretch::All, cut);
    }

    pub(super) fn cut_only(&self, stretch: Stretch, cut: Cut) {
        self.cables(stretch).for_each(|cable| cable.cut(cut));
    }

    pub(super) fn mend(&self) {
        self.cables(Stretch::All).for_each(Cable::mend);
    }
}

fn address_of(url: &str) -> SocketAddr {
    url.strip_prefix("http://").unwrap().parse().unwrap()
}
