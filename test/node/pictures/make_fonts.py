"""
Writes test/fixtures/fonts: a few letters of Amiri (Arabic) and Nanum Gothic (Korean, Chinese characters), both under the SIL
Open Font License 1.1, under other names as that licence asks.

Needs Debian's python3-fonttools, fonts-hosny-amiri and fonts-nanum. Run from the repository root:
python3 test/node/pictures/make_fonts.py
"""

from fontTools import subset
from fontTools.ttLib import TTFont

for source, text, name in [
    ("/usr/share/fonts/opentype/fonts-hosny-amiri/Amiri-Regular.ttf", "عربي", "arabic"),
    ("/usr/share/fonts/truetype/nanum/NanumGothic.ttf", "한국어人車", "hangul"),
]:
    font = TTFont(source)
    options = subset.Options(hinting=False, name_IDs=[], glyph_names=False, notdef_outline=True)
    options.layout_features = ["init", "medi", "fina", "isol", "rlig", "calt"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(font)
    licence = "SIL Open Font License 1.1, https://scripts.sil.org/OFL"
    for number, value in [(1, f"Test {name}"), (2, "Regular"), (4, f"Test {name}"), (13, licence)]:
        font["name"].setName(value, number, 3, 1, 0x409)
    font.save(f"test/fixtures/fonts/{name}.ttf")
