"""Make pages lighter: icons that no page shows are taken out, figures get a palette.

The theme brings all 2,000 icons of Font Awesome, in fonts and in style rules; the book shows about
twenty. Matplotlib's figures have a few dozen colours and are written as if they had millions.
"""

import re
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image

RULE = re.compile(r'((?:\.fa-[\w-]+::?before,?)+)\{content:"\\?([^"]+)"\}')
FONTS = "_static/vendor/fontawesome/**/webfonts/*"  # in a folder of its version in older themes


def _character(content):
    return chr(int(content, 16)) if re.fullmatch(r"[0-9a-f]{2,5}", content) else content


def icons_shown(folder):
    """Classes of icons that pages or scripts name."""
    kinds = ("*.html", "*.js")
    texts = (p.read_text(encoding="utf-8", errors="ignore") for k in kinds for p in folder.rglob(k))
    return {name for text in texts for name in re.findall(r"\bfa-[\w-]+", text)}


def drop_rules(sheet, shown):
    """Style rules of icons that are shown stay; returns the characters the sheet still needs."""
    text = sheet.read_text(encoding="utf-8")
    kept = set()

    def decide(match):
        names = re.findall(r"\.(fa-[\w-]+)", match.group(1))
        if not shown.intersection(names):
            return ""
        kept.add(_character(match.group(2)))
        return match.group(0)

    text = RULE.sub(decide, text)
    kept |= set(re.findall(r"[\ue000-\uf8ff]", text))
    kept |= {chr(int(code, 16)) for code in re.findall(r"\\(f[0-9a-f]{3})\b", text)}
    text = re.sub(r',\s*url\([^)]*\.ttf\)\s*format\("truetype"\)', "", text)  # no such file
    sheet.write_text(text, encoding="utf-8")
    return kept


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
    shown, needed = icons_shown(folder), set()
    static = folder / "_static"
    for sheet in [*static.glob("styles/*.css"), *static.glob("vendor/fontawesome/**/*.css")]:
        needed |= drop_rules(sheet, shown)
    for path in folder.glob(f"{FONTS}.woff2"):
        subset_font(path, needed)
    for path in folder.glob(f"{FONTS}.ttf"):
        path.unlink()  # every browser since 2016 reads woff2
    for path in (folder / "_images").glob("*.png"):
        give_palette(path)


def setup(app):
    app.connect("build-finished", lighten, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
