from dataclasses import dataclass
def catalogue(names): return []
def to_json(infos): return []
