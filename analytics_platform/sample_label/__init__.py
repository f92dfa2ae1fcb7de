"""A seeded label in true vendor formats, with known truth."""

from analytics_platform.sample_label.generate import generate, write_day
from analytics_platform.sample_label.masters import render_masters
from analytics_platform.sample_label.spec import LabelSpec, LabelSummary
from analytics_platform.sample_label.unreleased import render_unreleased

__all__ = ["LabelSpec", "LabelSummary", "generate", "render_masters", "render_unreleased", "write_day"]
