from wsexplore.zoo.readers.found import Found
from wsexplore.zoo.readers.importing import import_zoo, recognise

__all__ = ["Found", "import_zoo", "recognise"]
