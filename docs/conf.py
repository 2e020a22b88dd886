"""How Sphinx builds the site: ``make docs``."""

import sys
from pathlib import Path

from sphinx.ext import autosummary

import skdvn

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "skdvn"
author = "the skdvn developers"
copyright = "the skdvn developers, BSD 3-Clause"
version = release = skdvn.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "public_members",
    "short_names",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "_ext", "auto_examples/*.ipynb"]
default_role = "py:obj"
html_math_renderer = "mathml"

# -- API reference ---------------------------------------------------------------------

autosummary_generate = True
# No summary ends in "eqs.".
autosummary.WELL_KNOWN_ABBREVIATIONS += ("eq.", "eqs.")
autosummary_ignore_module_all = False
autodoc_member_order = "groupwise"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

# -- figures of the guide --------------------------------------------------------------

plot_formats = [("png", 110)]
plot_html_show_formats = False
plot_html_show_source_link = True

# -- gallery ---------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "gallery_order.GalleryOrder",
    "filename_pattern": r"\.py$",
    "doc_module": "skdvn",
    "backreferences_dir": "auto_examples/backreferences",
    "inspect_global_variables": False,
    "image_scrapers": ("matplotlib",),
    "matplotlib_animations": False,
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 3600,  # examples print their own
    "download_all_examples": False,
    "copyfile_regex": "",
}

# -- pages -----------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "skdvn"
html_static_path = ["_static"]
html_css_files = ["skdvn.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "skdvn"},
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "show_nav_level": 1,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "tango",
}
html_sidebars = {"index": [], "getting_started": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
