"""The port: any ERP as this product needs it, in accounting words."""
