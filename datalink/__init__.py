"""What is linked to a dataset, and what can be made of it on demand."""

from datalink.descriptors import (
    InputParameter,
    ServiceDescriptor,
    event_selection,
    image_cutout,
    linking_column,
    links_descriptor,
)
from datalink.faults import DataLinkFault, DefaultFault, FatalFault, NotFoundFault, TransientFault, UsageFault
from datalink.identifiers import DatasetName, read_identifier
from datalink.links import LINK_COLUMNS, Link, Linked, Product, fault_link, links_for

__all__ = [
    "LINK_COLUMNS",
    "DataLinkFault",
    "DatasetName",
    "DefaultFault",
    "FatalFault",
    "InputParameter",
    "Link",
    "Linked",
    "NotFoundFault",
    "Product",
    "ServiceDescriptor",
    "TransientFault",
    "UsageFault",
    "event_selection",
    "fault_link",
    "image_cutout",
    "linking_column",
    "links_descriptor",
    "links_for",
    "read_identifier",
]
