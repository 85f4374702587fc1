"""Make pages lighter: style rules and icons that no page shows are taken out, figures get a palette.

The theme brings all of Bootstrap and all 2,000 icons of Font Awesome, in fonts and in style rules; the book
shows about twenty. Matplotlib's figures have a few dozen colours and are written as if they had millions.
"""

import re
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image

RULE = re.compile(r"([^{}@;]+)\{([^{}]*)\}")
GROUP = re.compile(r"@(?:media|supports|container)[^{}]*\{\s*\}")  # left empty
FONTS = "_static/vendor/fontawesome/**/webfonts/*"  # in a folder of its version in older themes
SHEETS = ("styles/*.css", "sphinx-design*.css", "mystnb*.css", "vendor/fontawesome/**/*.css")


def words_of(folder):
    """Every word that a page or a script holds: a class that is not among them is not there."""
    texts = (p.read_text(encoding="utf-8", errors="ignore") for kind in ("*.html", "*.js")
             for p in folder.rglob(kind))  # fmt: skip
    return {word for text in texts for word in re.findall(r"[\w-]+", text)}


def can_apply(selector, words):
    """Whether all classes that a selector asks for exist; what stands in brackets may be one of many."""
    while (bare := re.sub(r"\([^()]*\)", "", selector)) != selector:
        selector = bare
    return words.issuperset(re.findall(r"\.(-?[A-Za-z_][\w-]*)", selector))


def drop_rules(text, words):
    """A style sheet without the rules that apply to nothing."""

    def decide(match):
        selectors = re.split(r",(?![^()]*\))", match.group(1))
        kept = [one for one in selectors if can_apply(one, words)]
        return f"{','.join(kept)}{{{match.group(2)}}}" if kept else ""

    text = GROUP.sub("", RULE.sub(decide, re.sub(r"/\*(?!!).*?\*/", "", text, flags=re.S)))
    return re.sub(r',\s*url\([^)]*\.ttf\)\s*format\("truetype"\)', "", text)  # no such file


def characters(text):
    """What a style sheet writes from an icon font."""
    codes = re.findall(r"\\(f[0-9a-f]{3}|e[0-9a-f]{3}|[0-9a-f]{2})\b", text)
    written = {found for content in re.findall(r'content:"([^"\\]+)"', text) for found in content}
    return written | set(re.findall(r"[\ue000-\uf8ff]", text)) | {chr(int(c, 16)) for c in codes}


def subset_font(path, characters):
    font = TTFont(path)
    chosen = subset.Subsetter(subset.Options(notdef_outline=True, layout_features=[]))
    chosen.populate(unicodes=[ord(c) for c in characters])
    chosen.subset(font)
    font.flavor = "woff2"
    font.save(path)


def give_palette(path):
    """256 colours are enough for a drawing; photographs would show it, and there are none."""
    with Image.open(path) as image:
        if image.mode in ("RGB", "RGBA"):
            flat = Image.new("RGB", image.size, "white")
            flat.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
            flat.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def lighten(app, exception):
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    for source_map in folder.rglob("*.css.map"):
        source_map.unlink()
    words, needed = words_of(folder), set()
    for sheet in (path for kind in SHEETS for path in (folder / "_static").glob(kind)):
        text = drop_rules(sheet.read_text(encoding="utf-8"), words)
        sheet.write_text(text, encoding="utf-8")
        if sheet.parent.name in ("styles", "css"):
            needed |= characters(text)
    for path in folder.glob(f"{FONTS}.woff2"):
        subset_font(path, needed)
    for path in folder.glob(f"{FONTS}.ttf"):
        path.unlink()  # every browser since 2016 reads woff2
    for path in (folder / "_images").glob("*.png"):
        give_palette(path)


def setup(app):
    app.connect("build-finished", lighten, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
