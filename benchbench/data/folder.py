"""stub"""
from pathlib import Path
from pydantic import BaseModel
class FolderRecipe(BaseModel):
    path: str
    size: int = 512
    split_rule: str = "device"
    seed: int = 0
