//! The documents of a file: what each of them is, and which of them belong together.

mod shape;

use self::shape::{Document, KNOWN, Shape, members, scalar};
use crate::core::rollout::{Strategy, Surge};
use crate::manifest::analysis::Library;
use crate::manifest::deployment::{self, Deployment, QUARTER};
use crate::manifest::fields::{Case, Fields, Item};
use crate::manifest::ledger::Ledger;
use crate::manifest::{Fate, Kind, Manifest, Options, Pod, argo, aws, flagger, kruise, nomad};
use crate::yaml::problem::{Place, Problems};
use crate::yaml::tree::{KeyPath, Node};

/// Reads every document of the file `source`; what is wrong goes to `problems`.
pub(super) fn read(
    mut documents: Vec<Node>,
    source: u32,
    options: &Options,
    problems: Problems,
) -> (Vec<Manifest>, Problems) {
    let ledger = Ledger::new(problems);
    documents.iter_mut().for_each(aws::fill);
    let nodes: Vec<&Node> = documents.iter().flat_map(members).collect();
    let documents: Vec<Document<'_>> = nodes.into_iter().filter_map(Document::of).collect();
    let templates = documents.iter().filter(|document| document.shape == Shape::Template);
    let templates = templates.map(Document::template).collect();
    let reader = Reader { documents: &documents, library: Library { templates, options }, ledger: &ledger };
    let mut manifests = reader.manifests();
    reader.leftovers(source, &mut manifests);
    (manifests, ledger.into_problems())
}

struct Reader<'a> {
    documents: &'a [Document<'a>],
    library: Library<'a>,
    ledger: &'a Ledger,
}

impl<'a> Reader<'a> {
    /// Those that others refer to come last, since only then it is known whether they stand alone.
    fn manifests(&self) -> Vec<Manifest> {
        let (alone, others): (Vec<_>, Vec<_>) =
            self.documents.iter().enumerate().partition(|(_, document)| document.shape == Shape::Deployment);
        let mut found: Vec<(usize, Manifest)> = Vec::new();
        let mut read = |(index, document): (usize, &Document<'a>)| {
            found.extend(self.read(document).into_iter().map(|manifest| (index, manifest)));
        };
        others.into_iter().for_each(&mut read);
        alone.into_iter().filter(|(_, document)| !document.taken.get()).for_each(&mut read);
        found.sort_by_key(|(index, _)| *index);
        let named = |(index, manifest): (usize, Manifest)| {
            let file = self.ledger.file(self.documents[index].node.place.source);
            Manifest { file, ..manifest }
        };
        found.into_iter().map(named).collect()
    }

    /// Every manifest in a document; they share what it leaves unused.
    fn read(&self, document: &Document<'a>) -> Vec<Manifest> {
        let found = match &document.shape {
            Shape::Aws(shape) => {
                self.ledger.set_strict(false);
                aws::read(document.node, *shape, self.ledger)
                    .into_iter()
                    .map(|found| (found.kind, found.name, found.strategy, found.pod))
                    .collect()
            }
            Shape::NomadJob(case) => {
                self.ledger.set_strict(false);
                self.job(document, *case)
            }
            _ => {
                self.ledger.set_strict(true);
                let object = self.kubernetes(document);
                let named = object.map(|(kind, strategy, pod)| (kind, document.name.clone(), strategy, pod));
                named.into_iter().collect::<Vec<_>>()
            }
        };
        let (unused, lines) = self.ledger.take();
        let manifest = |(kind, name, strategy, pod)| {
            let (unused, lines) = (unused.clone(), lines.clone());
            Manifest { kind, name, file: String::new(), strategy, pod, unused, lines }.with_one_threshold()
        };
        found.into_iter().map(manifest).collect()
    }

    fn kubernetes(&self, document: &Document<'a>) -> Option<(Kind, Strategy, Pod)> {
        let at = KeyPath::top();
        match document.shape {
            Shape::Deployment => {
                let deployment = self.object(document, at, |spec| Some(deployment::read(spec)))?;
                Some((Kind::Deployment, deployment.strategy, deployment.pod))
            }
            Shape::ArgoRollout => {
                let (strategy, pod) = self.object(document, at, |spec| {
                    let workload = self.workload(spec, "workloadRef").map(|deployment| deployment.pod);
                    Some(argo::read(spec, workload, &self.library))
                })?;
                Some((Kind::ArgoRollout, strategy, pod))
            }
            Shape::FlaggerCanary => {
                let (flagger, pod) = self.object(document, at, |spec| {
                    let target = self.workload(spec, "targetRef");
                    let primary = target.as_ref().map_or(Surge::new(QUARTER, QUARTER), Deployment::surge);
                    let pod = target.map_or_else(Pod::default, |deployment| deployment.pod);
                    flagger::read(spec, pod, primary, self.library.options)
                })?;
                Some((Kind::FlaggerCanary, Strategy::Flagger(flagger), pod))
            }
            Shape::KruiseRollout => {
                if scalar(document.node, "apiVersion") == Some("rollouts.kruise.io/v1alpha1") {
                    let text =
                        "found rollouts.kruise.io/v1alpha1, expected v1beta1, to which the controller converts it";
                    self.ledger.complain(document.node.place, &KeyPath::from(["apiVersion"]), text);
                    return None;
                }
                let (strategy, pod) = self.object(document, at, |spec| {
                    let workload = self.workload(spec, "workloadRef");
                    let workload = workload.map(|deployment| (deployment.pod.clone(), deployment.surge()));
                    kruise::read(spec, workload, self.library.options)
                })?;
                Some((Kind::KruiseRollout, strategy, pod))
            }
            Shape::Template | Shape::Aws(_) | Shape::NomadJob(_) | Shape::Other(_) | Shape::Nothing => None,
        }
    }

    /// The groups of a Nomad job; with several of them the name of the job stands before that of the group.
    fn job(&self, document: &Document<'a>, case: Case) -> Vec<(Kind, String, Strategy, Pod)> {
        let top = Item::new(document.node, KeyPath::top(), case, self.ledger);
        let Some(fields) = top.table() else { return Vec::new() };
        let jobs: Vec<(String, Item<'_>)> = match case {
            Case::AsIs => {
                fields.accept(&["variable", "variables", "locals"]);
                let named = fields.get("job").map(|item| item.entries()).unwrap_or_default();
                named.into_iter().map(|(name, item)| (name.to_owned(), item)).collect()
            }
            Case::Pascal => {
                let job = fields.get("job");
                let whole = job.is_none();
                fields.skip(&["diff", "enforce_index", "eval_priority", "job_modify_index", "policy_override"]);
                let item = job.unwrap_or_else(|| top.clone());
                if whole {
                    // The document is the job: its keys are read once more, as such.
                    fields.accept_all();
                }
                let name = scalar(item.node, "Name").or_else(|| scalar(item.node, "ID")).unwrap_or_default();
                vec![(name.to_owned(), item)]
            }
        };
        let groups = jobs.into_iter().filter_map(|(name, item)| Some((name, nomad::read(&item.table()?))));
        let manifests = groups.flat_map(|(job, groups)| {
            let several = groups.len() > 1;
            groups.into_iter().map(move |group| {
                let name = if several { format!("{job}/{}", group.name) } else { job.clone() };
                (Kind::NomadJob, name, group.strategy, group.pod)
            })
        });
        manifests.collect()
    }

    /// Reads what every Kubernetes object has, and hands its `spec` on.
    fn object<T>(
        &self,
        document: &Document<'a>,
        at: KeyPath,
        read: impl FnOnce(&Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let item = document.item(at, self.ledger);
        let fields = item.table()?;
        fields.accept(&["apiVersion", "kind"]);
        fields.skip(&["status"]);
        if let Some(metadata) = fields.table("metadata") {
            metadata.accept(&["name", "generateName", "creationTimestamp", "uid", "resourceVersion", "generation"]);
            metadata.accept(&["managedFields", "selfLink"]);
            metadata.skip(&["labels", "annotations", "namespace", "finalizers", "ownerReferences"]);
        }
        let Some(spec) = fields.table("spec") else {
            fields.complain("spec", "found no spec, expected one");
            return None;
        };
        read(&spec)
    }

    /// The Deployment among the documents that `key` refers to.
    fn workload(&self, spec: &Fields<'_>, key: &str) -> Option<Deployment> {
        let reference = spec.table(key)?;
        reference.accept(&["apiVersion", "scaleDown"]);
        let (kind, name) = (reference.text("kind"), reference.text("name")?);
        if kind.is_some_and(|kind| kind != "Deployment") {
            return None;
        }
        let named = |document: &&Document<'_>| document.shape == Shape::Deployment && document.name == name;
        let document = self.documents.iter().find(named)?;
        document.taken.set(true);
        let at = KeyPath::from([format!("Deployment/{name}").as_str()]);
        self.object(document, at, |spec| Some(deployment::read(spec)))
    }

    /// Documents without a part in any rollout are listed with the first manifest; without a manifest there is nothing
    /// to do, which is a problem.
    fn leftovers(&self, source: u32, manifests: &mut [Manifest]) {
        let Some(first) = manifests.first_mut() else {
            if self.documents.is_empty() {
                let text = format!("found no document, expected one of: {KNOWN}");
                self.ledger.complain(Place { source, ..Place::default() }, &KeyPath::top(), text);
            }
            for document in self.documents.iter().filter(|document| !document.shape.is_manifest()) {
                self.refuse(document);
            }
            return;
        };
        let alone =
            |document: &&Document<'_>| document.shape == Shape::Template && self.library.stands_alone(document.node);
        let templates: Vec<&Document<'_>> = self.documents.iter().filter(alone).collect();
        for document in self.documents {
            let fate = match &document.shape {
                shape if shape.is_bystander() => Fate::NotSimulated,
                Shape::Other(_) | Shape::Nothing => Fate::Unknown,
                Shape::Template if self.library.stands_alone(document.node) => Fate::NotSimulated,
                _ => continue,
            };
            self.ledger.unused(document.node.place, &KeyPath::from([document.title().as_str()]), fate);
        }
        first.unused.extend(self.ledger.take().0);
        // What is wrong with them is wrong, although nothing of them is used.
        templates.into_iter().for_each(|template| self.library.proof_read(template.node, self.ledger));
        self.ledger.take();
    }

    fn refuse(&self, document: &Document<'_>) {
        let found = match &document.shape {
            Shape::Other(_) | Shape::Template => format!("a {}", document.title()),
            _ => document.node.describe(),
        };
        let text = format!("found {found}, expected one of: {KNOWN}");
        self.ledger.complain(document.node.place, &KeyPath::top(), text);
    }
}
