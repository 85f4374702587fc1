"""Give each {term} the first sentence of its glossary entry, as `title`; terms.js shows it as a tooltip."""

from docutils import nodes

GLOSSARY = "glossary"


def sentence(definition):
    """The first sentence of an entry, as plain text."""
    words = " ".join(definition.astext().split())
    end = words.find(". ")
    return words if end < 0 else words[: end + 1]


def sentences(env):
    """By anchor: what a tooltip says."""
    found = {}
    if GLOSSARY not in env.found_docs:
        return found
    for item in env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        definition = next(item.findall(nodes.definition))
        for term in item.findall(nodes.term):
            found |= {anchor: sentence(definition) for anchor in term["ids"]}
    return found


def collect(app, env):
    """Keep the sentences; where they changed, every page is written anew."""
    before, env.term_sentences = getattr(env, "term_sentences", None), sentences(env)
    return list(env.found_docs) if before != env.term_sentences else []


def entitle(app, doctree, docname):
    known = getattr(app.env, "term_sentences", {})
    for reference in doctree.findall(nodes.reference):
        address = reference.get("refuri") or f"#{reference.get('refid', '')}"
        said = known.get(address.partition("#")[2])
        if said and (GLOSSARY in address or docname == GLOSSARY):
            reference["reftitle"] = said


def setup(app):
    app.connect("env-updated", collect)
    app.connect("doctree-resolved", entitle)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
